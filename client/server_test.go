package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leadflip/leadflip/client"
)

func TestLeadsComeInAndBack(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		r, err := w.c.Leads.Intake(ctx, client.NewLead{
			Entity: "leads", Fields: map[string]any{"Name": "Ada Lovelace", "e-mail": "ada@example.com", "Shoe Size": json.Number("38.50")},
			Status: map[string]string{"stage": "contacted"}, Notes: []client.Note{{Text: "Called", Tag: "phone"}}, Source: "website",
		}, nil)
		w.must(err)
		if r.Action != "created" || r.LeadID == "" || r.CreatedAt == nil || len(r.Warnings) != 1 || r.Warnings[0].Name != "Shoe Size" {
			t.Errorf("%+v", r)
		}
		l, err := w.c.Leads.Get(ctx, r.LeadID)
		w.must(err)
		if l.Entity != "leads" || l.Source != "website" || l.Fields["name"] != "Ada Lovelace" || l.Fields["email"] != "ada@example.com" || l.Unmapped["Shoe Size"] != json.Number("38.50") ||
			l.Status["stage"].Name != "Contacted" || l.ETag == "" || !l.CreatedAt.Equal(*r.CreatedAt) || l.Assignee != nil || l.Environment != "production" {
			t.Errorf("%+v", l)
		}
		dry, err := w.c.Leads.Intake(ctx, client.NewLead{Entity: "leads", Fields: map[string]any{"name": "Bob"}}, &client.IntakeOptions{DryRun: true})
		w.must(err)
		if !dry.DryRun || dry.LeadID != "" {
			t.Errorf("%+v", dry)
		}
		_, err = w.c.Leads.Intake(ctx, client.NewLead{Entity: "leads", Fields: map[string]any{"nobody/knows": 1, "email": "not one"}}, &client.IntakeOptions{Strict: true})
		var p *client.Problem
		if !errors.As(err, &p) || p.Status != 422 || p.Code != "validation_failed" || p.RequestID == "" || len(p.Errors) != 2 || !strings.HasPrefix(p.Type, w.url) {
			t.Fatalf("%+v", err)
		}
		var where []string
		for _, wrong := range p.Errors {
			where = append(where, wrong.Where())
		}
		slices.Sort(where)
		if fmt.Sprint(where) != "[/email /nobody~1knows]" || !strings.Contains(p.Error(), "/email") || !strings.Contains(p.Error(), p.RequestID) {
			t.Errorf("%v: %v", where, p)
		}
		_, err = w.c.Leads.Get(ctx, "01980000-0000-7000-8000-000000000000")
		w.refused("a lead that is not there", err, "not_found")
		_, err = w.c.Leads.Get(ctx, "../keys")
		w.refused("a path in an id", err, "not_found")
	})
}

func TestListsAreWalked(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		var want []string
		for n := range 11 {
			want = append(want, w.lead(map[string]any{"name": fmt.Sprint("lead ", n)}))
		}
		slices.Reverse(want)
		var got []string
		for l, err := range w.c.Leads.All(ctx, client.LeadQuery{Entity: "leads", Limit: 3}) {
			w.must(err)
			got = append(got, l.ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v\n%v", got, want)
		}
		first, err := w.c.Leads.List(ctx, client.LeadQuery{Entity: "leads", Limit: 2})
		w.must(err)
		second, err := w.c.Leads.List(ctx, client.LeadQuery{Entity: "leads", Limit: 2, Cursor: first.NextCursor})
		w.must(err)
		if first.Data[1].ID != want[1] || second.Data[0].ID != want[2] {
			t.Errorf("%+v %+v", first, second)
		}
		n := 0
		for range w.c.Leads.All(ctx, client.LeadQuery{Entity: "leads", Limit: 2}) {
			if n++; n == 3 {
				break
			}
		}
		for _, err := range w.c.Leads.All(ctx, client.LeadQuery{Entity: "nothing"}) {
			w.refused("an entity that is not there", err, "validation_failed")
			n++
		}
		if n != 4 {
			t.Errorf("%d", n)
		}
	})
}

func TestEntitiesAreRead(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		all, err := w.c.Entities.List(t.Context())
		w.must(err)
		e, err := w.c.Entities.Get(t.Context(), "leads")
		w.must(err)
		if len(all) != 1 || all[0].ID != e.ID || e.Slug != "leads" || e.ETag == "" || len(e.Fields) == 0 || e.Fields[0].Key != "name" || len(e.Pipelines) != 1 || e.Pipelines[0].Statuses[0].Name != "New" || !e.Pipelines[0].Statuses[0].Default {
			t.Errorf("%+v", e)
		}
	})
}

func TestTheLifeOfAKey(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		made, err := w.c.Keys.Create(ctx, client.KeySettings{Name: new("Website"), Scopes: &[]string{"leads:write"}, ExpiresIn: new("90d")})
		w.must(err)
		self, err := w.client(made.Secret.Reveal()).Keys.Self(ctx)
		w.must(err)
		if self.ID != made.ID || self.Name != "Website" || self.Status != "active" || self.ExpiresAt == nil {
			t.Errorf("%+v", self)
		}
		for _, shown := range []string{fmt.Sprint(made), fmt.Sprintf("%+v %#v %v", made, made, made.Secret), fmt.Sprintf("%s %q", made.Secret, made.Secret), asJSON(t, made)} {
			if strings.Contains(shown, made.Secret.Reveal()) {
				t.Errorf("the secret is shown: %s", shown)
			}
		}
		changed, err := w.c.Keys.Patch(ctx, made.ID, client.KeySettings{Purpose: new("Forms"), RateLimit: new("60/min")}, made.ETag)
		w.must(err)
		if changed.Purpose != "Forms" || changed.RateLimit != "60/min" || changed.ETag == made.ETag {
			t.Errorf("%+v", changed)
		}
		_, err = w.c.Keys.Patch(ctx, made.ID, client.KeySettings{Purpose: new("Late")}, made.ETag)
		w.refused("an old ETag", err, "precondition_failed")
		if k, err := w.c.Keys.Disable(ctx, made.ID); err != nil || k.Status != "disabled" {
			t.Errorf("%+v %v", k, err)
		}
		_, err = w.client(made.Secret.Reveal()).Keys.Self(ctx)
		w.refused("a disabled key", err, "key_disabled")
		if k, err := w.c.Keys.Enable(ctx, made.ID); err != nil || k.Status != "active" {
			t.Errorf("%+v %v", k, err)
		}
		rotated, err := w.c.Keys.Rotate(ctx, made.ID, "24h")
		w.must(err)
		if rotated.Replaces != made.ID || rotated.Secret.Reveal() == "" || rotated.OldEndsAt.IsZero() {
			t.Errorf("%+v", rotated)
		}
		if k, err := w.c.Keys.Revoke(ctx, rotated.ID); err != nil || k.Status != "revoked" || k.Made == nil {
			t.Errorf("%+v %v", k, err)
		}
		w.must(w.c.Keys.ReportLeak(ctx, []string{made.Secret.Reveal()}))
		if k, err := w.c.Keys.Get(ctx, made.ID); err != nil || k.Status != "disabled" || k.ExposedAt == nil {
			t.Errorf("%+v %v", k, err)
		}
		u, err := w.c.Keys.Usage(ctx, made.ID, time.Now().Add(-time.Hour), time.Time{})
		w.must(err)
		if len(u.Calls) != 2 || u.Calls[0].Status != 401 {
			t.Errorf("%+v", u)
		}
		var names []string
		for k, err := range w.c.Keys.All(ctx) {
			w.must(err)
			names = append(names, k.Name)
		}
		if len(names) != 3 {
			t.Errorf("%v", names)
		}
		limits, err := w.c.Limits(ctx)
		if err != nil || limits["page_max"] != "200" {
			t.Errorf("%v %v", limits, err)
		}
	})
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestAKeyThatWasMadeTwiceIsShownOnce(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		ctx := client.WithIdempotencyKey(t.Context(), "setup-1")
		in := client.KeySettings{Name: new("Website"), Scopes: &[]string{"leads:write"}}
		first, err := w.c.Keys.Create(ctx, in)
		w.must(err)
		second, err := w.c.Keys.Create(ctx, in)
		if !errors.Is(err, client.ErrAlreadyShown) || second.ID != first.ID {
			t.Errorf("%+v %v", second, err)
		}
		in.Name = new("Other")
		_, err = w.c.Keys.Create(ctx, in)
		w.refused("another call with the same key", err, "idempotency_mismatch")
	})
}

func TestEventsAreListed(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		var want, got []string
		for range 5 {
			want = append(want, w.lead(nil))
		}
		q := client.EventQuery{Type: "lead.created", Limit: 2}
		for begun := time.Now(); len(got) < len(want) && time.Since(begun) < hang; {
			p, err := w.c.Events.List(ctx, q)
			w.must(err)
			for _, e := range p.Data {
				got = append(got, leadOf(t, e))
			}
			q.After = p.NextAfter
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v\n%v", got, want)
		}
		_, err := w.c.Events.List(ctx, client.EventQuery{After: "nowhere"})
		w.refused("no place in the log", err, "invalid_cursor")
	})
}

func leadOf(t *testing.T, e client.Event) string {
	t.Helper()
	var data struct {
		LeadID string `json:"lead_id"`
	}
	if err := json.Unmarshal(e.Data, &data); err != nil || e.Actor.Kind != "key" || e.At.IsZero() {
		t.Fatalf("%+v %v", e, err)
	}
	return data.LeadID
}

// A stream outlives the server it follows: events of before, between and after are
// there once each, in order.
func TestAStreamOutlivesTheServer(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		ctx, cancel := context.WithTimeout(t.Context(), hang)
		defer cancel()
		want := []string{w.lead(nil), w.lead(nil)}
		events, ended := make(chan client.Event), make(chan error, 1)
		go func() {
			defer close(events)
			for e, err := range w.c.Events.Stream(ctx, client.EventQuery{Type: "lead.*"}) {
				if err != nil {
					ended <- err
					return
				}
				events <- e
			}
		}()
		got := []string{leadOf(t, <-events), leadOf(t, <-events)}
		for range 2 {
			w.stop()
			w.start()
			want = append(want, w.lead(nil), w.lead(nil))
			got = append(got, leadOf(t, <-events), leadOf(t, <-events))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v\n%v", got, want)
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("it ended with %v", err)
		}
	})
}

func TestAStreamEndsWithItsKey(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		ctx, cancel := context.WithTimeout(t.Context(), hang)
		defer cancel()
		key := w.client(w.newKey("events:read"))
		self, err := key.Keys.Self(ctx)
		w.must(err)
		w.lead(nil)
		for e, err := range key.Events.Stream(ctx, client.EventQuery{}) {
			if err != nil {
				w.refused("a revoked key", err, "key_revoked")
				continue
			}
			if e.Type == "lead.created" {
				if _, err := w.c.Keys.Revoke(ctx, self.ID); err != nil {
					t.Error(err)
				}
			}
		}
		if ctx.Err() != nil {
			t.Error("the stream goes on")
		}
		_, err = key.Keys.Self(ctx)
		w.refused("the key", err, "key_revoked")
	})
}
