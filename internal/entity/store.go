package entity

import (
	"context"
	"strings"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// ref is an entity at one moment of its definition.
type ref struct {
	id      id.ID
	version int64
}

func refBySlug(ctx context.Context, q db.Handle, accountID id.ID, slug string) (ref, error) {
	var r ref
	err := q.QueryRow(ctx, `SELECT id, version FROM entities WHERE account_id = $1 AND slug = $2`, accountID, slug).Scan(&r.id, &r.version)
	return r, err
}

func refByID(ctx context.Context, q db.Handle, accountID, entityID id.ID) (ref, error) {
	var r ref
	err := q.QueryRow(ctx, `SELECT id, version FROM entities WHERE account_id = $1 AND id = $2`, accountID, entityID).Scan(&r.id, &r.version)
	return r, err
}

// refs lists the entities of an account, the oldest first.
func refs(ctx context.Context, q db.Handle, accountID id.ID) ([]ref, error) {
	rows, err := q.Query(ctx, `SELECT id, version FROM entities WHERE account_id = $1 ORDER BY created_at, id`, accountID)
	var out []ref
	err = db.Each(rows, err, func(rows db.Rows) error {
		var r ref
		err := rows.Scan(&r.id, &r.version)
		out = append(out, r)
		return err
	})
	return out, err
}

// deletedMark begins the key of a deleted field and the slug of a deleted pipeline, so
// that their names are free again. No key or slug of a living one has a colon.
const deletedMark = "deleted:"

// selectEntity reads a whole definition. Its three statements may fall on both sides
// of a change; the caller compares versions.
func selectEntity(ctx context.Context, q db.Handle, entityID id.ID) (*Entity, error) {
	e := &Entity{ID: entityID}
	err := q.QueryRow(ctx, `SELECT account_id, slug, name, icon, version, created_at, updated_at FROM entities WHERE id = $1`, entityID).Scan(
		&e.AccountID, &e.Slug, &e.Name, &e.Icon, &e.Version, db.ScanTime(&e.CreatedAt), db.ScanTime(&e.UpdatedAt))
	if err != nil {
		return nil, err
	}
	if e.Fields, err = selectFields(ctx, q, entityID); err != nil {
		return nil, err
	}
	if e.Pipelines, err = selectPipelines(ctx, q, entityID); err != nil {
		return nil, err
	}
	e.index()
	return e, nil
}

func selectFields(ctx context.Context, q db.Handle, entityID id.ID) ([]Field, error) {
	rows, err := q.Query(ctx, `SELECT id, key, label, type, position, settings FROM fields WHERE entity_id = $1 AND deleted_at IS NULL ORDER BY position, id`, entityID)
	var out []Field
	err = db.Each(rows, err, func(rows db.Rows) error {
		var f Field
		var s settings
		err := rows.Scan(&f.ID, &f.Key, &f.Label, &f.Type, &f.Position, db.ScanJSON(&s))
		s.into(&f)
		out = append(out, f)
		return err
	})
	return out, err
}

// selectPipelines reads the pipelines that are not deleted. A status that is being
// emptied is known by the status that takes its leads alone.
func selectPipelines(ctx context.Context, q db.Handle, entityID id.ID) ([]Pipeline, error) {
	rows, err := q.Query(ctx, `SELECT p.id, p.name, p.slug, p.position, s.id, s.name, s.color, s.is_default, s.position, s.moved_to
		FROM pipelines p JOIN statuses s ON s.pipeline_id = p.id WHERE p.entity_id = $1 ORDER BY p.position, p.id, s.position, s.id`, entityID)
	var out []Pipeline
	err = db.Each(rows, err, func(rows db.Rows) error {
		var p Pipeline
		var s Status
		var movedTo id.ID
		err := rows.Scan(&p.ID, &p.Name, &p.Slug, &p.Position, &s.ID, &s.Name, &s.Color, &s.Default, &s.Position, &movedTo)
		if strings.HasPrefix(p.Slug, deletedMark) {
			return err
		}
		if n := len(out); n == 0 || out[n-1].ID != p.ID {
			out = append(out, p)
		}
		last := &out[len(out)-1]
		if movedTo.IsNil() {
			last.Statuses = append(last.Statuses, s)
			return err
		}
		if last.Moved == nil {
			last.Moved = map[id.ID]id.ID{}
		}
		last.Moved[s.ID] = movedTo
		return err
	})
	return out, err
}

func insertEntity(ctx context.Context, tx *db.Tx, e *Entity) error {
	_, err := tx.Exec(ctx, `INSERT INTO entities (id, account_id, slug, name, icon, version, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		e.ID, e.AccountID, e.Slug, e.Name, e.Icon, e.Version, db.Micros(e.CreatedAt), db.Micros(e.UpdatedAt))
	if err != nil {
		return err
	}
	for i := range e.Fields {
		if err := insertField(ctx, tx, e, &e.Fields[i]); err != nil {
			return err
		}
	}
	for i := range e.Pipelines {
		if err := insertPipeline(ctx, tx, e, &e.Pipelines[i]); err != nil {
			return err
		}
	}
	return nil
}

func insertField(ctx context.Context, tx *db.Tx, e *Entity, f *Field) error {
	_, err := tx.Exec(ctx, `INSERT INTO fields (id, account_id, entity_id, key, label, type, position, settings) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		f.ID, e.AccountID, e.ID, f.Key, f.Label, string(f.Type), f.Position, db.JSON(settingsOf(*f)))
	return err
}

func insertPipeline(ctx context.Context, tx *db.Tx, e *Entity, p *Pipeline) error {
	_, err := tx.Exec(ctx, `INSERT INTO pipelines (id, account_id, entity_id, slug, name, position) VALUES ($1, $2, $3, $4, $5, $6)`,
		p.ID, e.AccountID, e.ID, p.Slug, p.Name, p.Position)
	if err != nil {
		return err
	}
	for i := range p.Statuses {
		if err := insertStatus(ctx, tx, e, p, &p.Statuses[i]); err != nil {
			return err
		}
	}
	return nil
}

func insertStatus(ctx context.Context, tx *db.Tx, e *Entity, p *Pipeline, s *Status) error {
	_, err := tx.Exec(ctx, `INSERT INTO statuses (id, account_id, pipeline_id, name, color, is_default, position) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		s.ID, e.AccountID, p.ID, s.Name, string(s.Color), s.Default, s.Position)
	return err
}

// settings is the part of a field that is stored as one JSON value.
type settings struct {
	Key       string   `json:"key,omitempty"` // of a deleted field: the key it had
	Aliases   []string `json:"aliases,omitempty"`
	Required  bool     `json:"required,omitempty"`
	Default   any      `json:"default,omitempty"`
	Help      string   `json:"help,omitempty"`
	Options   []Option `json:"options,omitempty"`
	Min       *Decimal `json:"min,omitempty"`
	Max       *Decimal `json:"max,omitempty"`
	Step      *Decimal `json:"step,omitempty"`
	MaxLength int      `json:"max_length,omitempty"`
	Country   string   `json:"country,omitempty"`
	MaxSize   int      `json:"max_size,omitempty"`
	Types     []string `json:"types,omitempty"`
	Encrypted bool     `json:"encrypted,omitempty"`
	Indexed   bool     `json:"indexed,omitempty"`
	MatchKey  *int     `json:"match_key,omitempty"`
}

func settingsOf(f Field) settings {
	return settings{
		Aliases: f.Aliases, Required: f.Required, Default: f.Default, Help: f.Help, Options: f.Options, Min: f.Min, Max: f.Max, Step: f.Step,
		MaxLength: f.MaxLength, Country: f.Country, MaxSize: f.MaxSize, Types: f.Types, Encrypted: f.Encrypted, Indexed: f.Indexed, MatchKey: f.MatchKey,
	}
}

func (s settings) into(f *Field) {
	f.Aliases, f.Required, f.Default, f.Help, f.Options = s.Aliases, s.Required, ValueFromJSON(s.Default), s.Help, s.Options
	f.Min, f.Max, f.Step, f.MaxLength, f.Country = s.Min, s.Max, s.Step, s.MaxLength, s.Country
	f.MaxSize, f.Types = s.MaxSize, s.Types
	f.Encrypted, f.Indexed, f.MatchKey = s.Encrypted, s.Indexed, s.MatchKey
}
