package entity

import (
	"context"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// starter is the entity every account begins with.
func starter() Entity {
	return Entity{
		Slug: "leads", Name: "Leads", Icon: "users",
		Fields: []Field{
			{Key: "name", Label: "Name", Type: Text},
			{Key: "email", Label: "Email", Type: Email},
			{Key: "phone", Label: "Phone", Type: Phone},
			{Key: "company", Label: "Company", Type: Text},
			{Key: "message", Label: "Message", Type: Textarea},
		},
		Pipelines: []Pipeline{{Name: "Stage", Slug: "stage", Statuses: []Status{
			{Name: "New", Color: Blue, Default: true},
			{Name: "Contacted", Color: Amber},
			{Name: "Qualified", Color: Violet},
			{Name: "Won", Color: Green},
			{Name: "Lost", Color: Gray},
		}}},
	}
}

// Seed gives a new account its starter entity, in the transaction that makes the
// account.
func Seed(ctx context.Context, tx *db.Tx, accountID id.ID) error {
	e := starter()
	e.AccountID = accountID
	return Insert(ctx, tx, &e)
}

// Insert checks a new definition and stores it. It fills in ids, positions, times and
// the version, and is for account set-up and for rooms that bring a definition with
// them; it asks nobody's rights.
func Insert(ctx context.Context, tx *db.Tx, e *Entity) error {
	if err := e.Check(); err != nil {
		return err
	}
	e.ID, e.Version, e.CreatedAt, e.UpdatedAt = id.At(tx.Now), 1, tx.Now, tx.Now
	for i := range e.Fields {
		e.Fields[i].ID, e.Fields[i].Position = id.At(tx.Now), i
	}
	for i := range e.Pipelines {
		p := &e.Pipelines[i]
		p.ID, p.Position = id.At(tx.Now), i
		for j := range p.Statuses {
			p.Statuses[j].ID, p.Statuses[j].Position = id.At(tx.Now), j
		}
	}
	return insertEntity(ctx, tx, e)
}
