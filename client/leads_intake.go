package client

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"time"
)

// What to do with a lead that is there already.
const (
	DedupSkip   = "skip"   // leave the one that is there as it is; the default
	DedupUpdate = "update" // change it to what was sent
	DedupCreate = "create" // make another one all the same
)

// NewLead is a lead on its way in.
type NewLead struct {
	Entity    string            // slug or id; a row of a batch needs none
	Fields    map[string]any    // by key, former key or label; other names are kept as unmapped
	Status    map[string]string // name or id of the status, by pipeline; the default of the pipeline otherwise
	Assignee  string            // id or e-mail of a member
	Viewers   []string          // ids or e-mails of members
	Notes     []Note            // Text and Tag of each
	Source    string            // where it came from; "" is api
	DedupMode string            // DedupSkip, DedupUpdate or DedupCreate
}

// MarshalJSON implements json.Marshaler: the flat object that intake takes.
func (n NewLead) MarshalJSON() ([]byte, error) {
	out := maps.Clone(n.Fields)
	if out == nil {
		out = map[string]any{}
	}
	for pipeline, status := range n.Status {
		out["status:"+pipeline] = status
	}
	for name, value := range map[string]string{"entity": n.Entity, "assignee": n.Assignee, "source": n.Source, "dedup_mode": n.DedupMode} {
		if value != "" {
			out[name] = value
		}
	}
	if len(n.Viewers) > 0 {
		out["viewers"] = n.Viewers
	}
	if len(n.Notes) > 0 {
		out["notes"] = n.Notes
	}
	return json.Marshal(out)
}

// IntakeOptions change how one lead is taken in.
type IntakeOptions struct {
	Strict bool // refuse names that the entity does not know
	DryRun bool // check everything, store nothing
}

// IntakeResult is what became of a lead.
type IntakeResult struct {
	LeadID      string     `json:"lead_id"` // "" in a dry run
	CreatedAt   *time.Time `json:"created_at"`
	Action      string     `json:"action"`       // created, skipped or updated
	DuplicateOf string     `json:"duplicate_of"` // the lead that was there already
	DryRun      bool       `json:"dry_run"`
	Warnings    []Warning  `json:"warnings"`
}

// Warning is something that was kept but could not be used.
type Warning struct {
	Name   string `json:"name"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// Intake takes in one lead. It is stored before the answer. opts may be nil.
func (l Leads) Intake(ctx context.Context, lead NewLead, opts *IntakeOptions) (*IntakeResult, error) {
	v := url.Values{}
	if opts != nil && opts.Strict {
		v.Set("strict", "true")
	}
	if opts != nil && opts.DryRun {
		v.Set("dry_run", "true")
	}
	var out IntakeResult
	if _, err := l.c.do(ctx, call{method: http.MethodPost, path: path("intake"), query: v, body: lead}, &out); err != nil {
		return nil, err
	}
	return &out, nil
}

// Batch is up to 1,000 leads of one entity that are taken in together.
type Batch struct {
	Entity    string    `json:"entity"` // slug or id
	Rows      []NewLead `json:"batch"`
	Source    string    `json:"source,omitempty"`
	Note      string    `json:"note,omitempty"` // on each lead
	DedupMode string    `json:"dedup_mode,omitempty"`

	// Atomic stores all rows or none. Otherwise the good ones are stored although others
	// fail.
	Atomic bool `json:"-"`
}

// BatchResult is what became of each row, by its place in the batch.
type BatchResult struct {
	Created []BatchRow   `json:"created"`
	Updated []BatchRow   `json:"updated"`
	Skipped []BatchRow   `json:"skipped"`
	Errors  []BatchError `json:"errors"`
}

// BatchRow is a row that was taken.
type BatchRow struct {
	Index       int       `json:"index"`
	LeadID      string    `json:"lead_id"`
	Email       string    `json:"email"` // of the row, if there is one
	DuplicateOf string    `json:"duplicate_of"`
	Warnings    []Warning `json:"warnings"`
}

// BatchError is a row that was refused.
type BatchError struct {
	Index  int          `json:"index"`
	Errors []WrongValue `json:"errors"`
}

// Bulk takes in a batch. That rows were refused is no error: see BatchResult.Errors.
func (l Leads) Bulk(ctx context.Context, b Batch) (*BatchResult, error) {
	v := url.Values{}
	if b.Atomic {
		v.Set("atomic", "true")
	}
	var out BatchResult
	if _, err := l.c.do(ctx, call{method: http.MethodPost, path: path("leads", "bulk"), query: v, body: b}, &out); err != nil {
		return nil, err
	}
	return &out, nil
}
