package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Leads is the leads of the environment of the key.
type Leads struct{ c *Client }

// Lead is one record.
type Lead struct {
	ID          string                `json:"id"`
	Entity      string                `json:"entity"` // slug
	Source      string                `json:"source"`
	CreatedAt   time.Time             `json:"created_at"`
	UpdatedAt   time.Time             `json:"updated_at"`
	DeletedAt   *time.Time            `json:"deleted_at,omitempty"` // set while it is in the trash
	Assignee    *Member               `json:"assignee"`
	Viewers     []Member              `json:"viewers"`
	Status      map[string]LeadStatus `json:"status"`   // by the pipeline's slug
	Fields      map[string]any        `json:"fields"`   // by key; numbers are json.Number
	Unmapped    map[string]any        `json:"unmapped"` // what came under names that the entity does not know
	Environment string                `json:"environment"`

	// ETag names the state that was read, for LeadChange.IfMatch. It comes with a single
	// lead, not with those of a list.
	ETag string `json:"-"`
}

// Member is a person of the account.
type Member struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Email string `json:"email"`
}

// LeadStatus is the status of a lead in one pipeline.
type LeadStatus struct {
	ID    string    `json:"id"`
	Name  string    `json:"name"`
	Since time.Time `json:"since"`
}

// LeadQuery says which leads are wanted.
type LeadQuery struct {
	Entity string   // slug or id
	Filter string   // e.g. status.stage in ("New","Contacted") and budget > 5000
	Sort   string   // e.g. -created_at,name
	Text   string   // in any value
	Fields []string // only these; nil is all
	Count  string   // exact or estimate: also tell the Count
	Limit  int      // of a page; 0 is the instance's usual
	Cursor string   // NextCursor of the page before
}

func (q LeadQuery) values() url.Values {
	v := url.Values{}
	set(v, "entity", q.Entity)
	set(v, "filter", q.Filter)
	set(v, "sort", q.Sort)
	set(v, "q", q.Text)
	set(v, "fields", strings.Join(q.Fields, ","))
	return v
}

// Get returns one lead.
func (l Leads) Get(ctx context.Context, id string) (*Lead, error) {
	return l.lead(ctx, call{method: http.MethodGet, path: path("leads", id)})
}

func (l Leads) lead(ctx context.Context, in call) (*Lead, error) {
	var out Lead
	head, err := l.c.do(ctx, in, &out)
	if err != nil {
		return nil, err
	}
	out.ETag = head.Get("ETag")
	return &out, nil
}

// List returns one page of leads, the newest first unless Sort says otherwise.
func (l Leads) List(ctx context.Context, q LeadQuery) (*Page[Lead], error) {
	v := q.values()
	set(v, "count", q.Count)
	return page[Lead](ctx, l.c, path("leads"), v, q.Limit, q.Cursor)
}

// All yields every lead, page by page. An error is the last thing it yields.
func (l Leads) All(ctx context.Context, q LeadQuery) iter.Seq2[Lead, error] {
	return walk(q.Cursor, func(cursor string) (*Page[Lead], error) {
		return page[Lead](ctx, l.c, path("leads"), q.values(), q.Limit, cursor)
	})
}

// LeadChange is what changes of a lead; what is not named stays.
type LeadChange struct {
	Fields   map[string]any    // by key; nil clears a value
	Status   map[string]string // name or id of the new status, by pipeline
	Assignee *string           // id or e-mail of a member; "" for nobody
	Viewers  *[]string         // ids or e-mails of members

	// IfMatch is the ETag of the state the change is meant for; with another one it is
	// refused as precondition_failed. "" changes whatever is there.
	IfMatch string
}

// MarshalJSON implements json.Marshaler.
func (ch LeadChange) MarshalJSON() ([]byte, error) {
	out := map[string]any{}
	if ch.Fields != nil {
		out["fields"] = ch.Fields
	}
	if ch.Status != nil {
		out["status"] = ch.Status
	}
	if ch.Assignee != nil {
		out["assignee"] = ch.Assignee
		if *ch.Assignee == "" {
			out["assignee"] = nil
		}
	}
	if ch.Viewers != nil {
		out["viewers"] = *ch.Viewers
	}
	return json.Marshal(out)
}

// Patch changes a lead and returns it as it is now.
func (l Leads) Patch(ctx context.Context, id string, ch LeadChange) (*Lead, error) {
	return l.lead(ctx, call{method: http.MethodPatch, path: path("leads", id), body: ch, match: ch.IfMatch})
}

// Delete puts a lead into the trash, from where Restore brings it back for 30 days.
func (l Leads) Delete(ctx context.Context, id string) error {
	_, err := l.c.do(ctx, call{method: http.MethodDelete, path: path("leads", id)}, nil)
	return err
}

// DeletePermanently deletes a lead for good. The key needs leads:delete.
func (l Leads) DeletePermanently(ctx context.Context, id string) error {
	_, err := l.c.do(ctx, call{method: http.MethodDelete, path: path("leads", id), query: url.Values{"permanent": {"true"}}}, nil)
	return err
}

// Restore brings a lead back from the trash.
func (l Leads) Restore(ctx context.Context, id string) error {
	_, err := l.c.do(ctx, call{method: http.MethodPost, path: path("leads", id, "restore")}, nil)
	return err
}

// Note is a text on a lead.
type Note struct {
	ID        string    `json:"id,omitempty"`
	Text      string    `json:"text"`
	Tag       string    `json:"tag,omitempty"`
	CreatedAt time.Time `json:"created_at,omitzero"`
	CreatedBy *Actor    `json:"created_by,omitempty"`
}

// AddNote adds a note to a lead; of the note, Text and Tag count.
func (l Leads) AddNote(ctx context.Context, id string, n Note) (*Note, error) {
	var out Note
	if _, err := l.c.do(ctx, call{method: http.MethodPost, path: path("leads", id, "notes"), body: Note{Text: n.Text, Tag: n.Tag}}, &out); err != nil {
		return nil, err
	}
	return &out, nil
}

// Timeline yields what happened to a lead. An error is the last thing it yields.
func (l Leads) Timeline(ctx context.Context, id string) iter.Seq2[Event, error] {
	return walk("", func(cursor string) (*Page[Event], error) {
		return page[Event](ctx, l.c, path("leads", id, "timeline"), url.Values{}, 0, cursor)
	})
}
