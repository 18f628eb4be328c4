package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// client sends one call after another. Its own leads are nobody else's to change.
type client struct {
	*load
	n       int
	random  *rand.Rand
	number  int
	own     []*heldLead
	pending *sent
}

func (c *client) name() string {
	c.number++
	return fmt.Sprintf("%d-%d-%d", c.round, c.n, c.number)
}

// some is a random lead of the client's own, nil when it has none of the kind.
func (c *client) some(trashed bool) *heldLead {
	if len(c.own) == 0 {
		return nil
	}
	for range 5 {
		if h := c.own[c.random.IntN(len(c.own))]; h.trashed == trashed {
			return h
		}
	}
	return nil
}

func (c *client) next() *sent {
	name := c.name()
	s := &sent{method: http.MethodPost, path: "/api/intake", idempotencyKey: name}
	live := c.some(false)
	switch n := c.random.IntN(100); {
	case live == nil || n < 30:
		c.create(s, name)
	case n < 38:
		s.body = mustJSON(map[string]any{"entity": "deals", "name": "another " + name, "email": strings.ToUpper(live.email)})
		s.then = intakeAnswer(func(a intake) error {
			if a.Action != "skipped" || a.LeadID != live.id || a.DuplicateOf != live.id {
				return fmt.Errorf("want %s skipped", live.id)
			}
			return nil
		})
	case n < 48:
		c.update(s, live)
	case n < 60:
		c.sendShared(s, name, false)
	case n < 68:
		c.sendShared(s, name, true)
	case n < 70:
		c.bulk(s, name)
	case n < 76:
		c.changeShared(s, name, live)
	case n < 85:
		c.change(s, live)
	case n < 93:
		s.path, s.body = "/api/leads/"+live.id+"/notes", `{"text":"a note"}`
		s.then = wantStatus(http.StatusCreated, func(answer) error { live.notes++; return nil })
	default:
		c.trashOrRestore(s, live)
	}
	return s
}

func (c *client) create(s *sent, name string) {
	h := &heldLead{name: name, email: name + "@example.com", budget: strconv.Itoa(c.random.IntN(1e6)), passport: secretMark + name, stage: "New", call: "Open", notes: c.random.IntN(3), version: 1}
	body := map[string]any{"entity": "deals", "name": name, "email": h.email, "budget": json.Number(h.budget), "passport": h.passport, "favourite colour": "blue"}
	if c.random.IntN(2) == 0 {
		h.stage = "Won"
		body["status:stage"] = "won"
	}
	body["notes"] = slices.Repeat([]string{"from the start"}, h.notes)
	s.body = mustJSON(body)
	s.then = intakeAnswer(func(a intake) error {
		if a.Action != "created" || a.DuplicateOf != "" {
			return fmt.Errorf("want a new lead")
		}
		h.id = a.LeadID
		c.own = append(c.own, h)
		return c.add(h)
	})
}

// add takes note of a new lead.
func (l *load) add(h *heldLead) error {
	if other := l.leads[h.id]; other != nil {
		return fmt.Errorf("%s was acknowledged before, as %s", h.id, other.name)
	}
	l.leads[h.id] = h
	return nil
}

// update is an intake that changes a lead which is there.
func (c *client) update(s *sent, live *heldLead) {
	budget := c.otherBudget(live.budget)
	passport := secretMark + "u" + s.idempotencyKey
	s.body = mustJSON(map[string]any{"entity": "deals", "email": live.email, "budget": json.Number(budget), "passport": passport, "dedup_mode": "update", "note": "once more"})
	s.then = intakeAnswer(func(a intake) error {
		if a.Action != "updated" || a.LeadID != live.id {
			return fmt.Errorf("want %s updated", live.id)
		}
		live.budget, live.passport = budget, passport
		live.notes++
		live.version++
		return nil
	})
}

func (c *client) otherBudget(than string) string {
	n, _ := strconv.Atoi(than)
	return strconv.Itoa(n + 1 + c.random.IntN(1000))
}

// sendShared sends a lead that other clients send too.
func (c *client) sendShared(s *sent, name string, update bool) {
	email := fmt.Sprintf("shared-%d-%d@example.com", c.round, c.random.IntN(6))
	budget := strconv.Itoa(c.random.IntN(1e6))
	body := map[string]any{"entity": "deals", "name": name, "email": email, "budget": json.Number(budget)}
	if update {
		body["dedup_mode"] = "update"
	}
	s.body = mustJSON(body)
	s.then = intakeAnswer(func(a intake) error {
		return c.heard(email, a.LeadID, a.Action, budget, update)
	})
}

// heard takes note of what became of a lead that several clients send.
func (l *load) heard(email, id, action, budget string, update bool) error {
	h := l.shared[email]
	if h == nil {
		h = &heldLead{id: id, email: email, budgets: map[string]bool{}, stage: "New", call: "Open"}
		l.shared[email] = h
		if err := l.add(h); err != nil {
			return err
		}
	}
	h.budgets[budget] = true
	switch {
	case h.id != id:
		return fmt.Errorf("%s is both %s and %s", email, h.id, id)
	case action == "created" && h.version > 0:
		return fmt.Errorf("%s was created twice", email)
	case action == "created":
		h.version = 1
	case update != (action == "updated"):
		return fmt.Errorf("%s was %s", email, action)
	}
	return nil
}

// bulk sends rows for several slices: new ones, wrong ones, equal ones, and some that
// other clients send too.
func (c *client) bulk(s *sent, name string) {
	s.path = "/api/leads/bulk"
	type expected struct {
		wrong  bool
		lead   *heldLead // a new one
		same   int       // the row it is equal to
		shared string
		budget string
	}
	rows := make([]any, 50+c.random.IntN(251))
	want := make([]expected, len(rows))
	for i := range rows {
		w := expected{budget: strconv.Itoa(c.random.IntN(1e6)), same: -1}
		row := map[string]any{"name": fmt.Sprintf("%s-%d", name, i), "budget": json.Number(w.budget)}
		switch n := c.random.IntN(20); {
		case n == 0:
			w.wrong = true
			row["email"] = "nobody"
		case n == 1:
			w.shared = fmt.Sprintf("shared-%d-%d@example.com", c.round, c.random.IntN(6))
			row["email"] = w.shared
		case n == 2 && i > 0 && want[i-1].lead != nil:
			w.same = i - 1
			row["email"] = want[i-1].lead.email
		default:
			w.lead = &heldLead{name: fmt.Sprintf("%s-%d", name, i), email: fmt.Sprintf("%s-%d@example.com", name, i), budget: w.budget, stage: "New", call: "Open", version: 1, notes: 1}
			row["email"] = w.lead.email
		}
		rows[i], want[i] = row, w
	}
	s.body = mustJSON(map[string]any{"entity": "deals", "batch": rows, "note": "of the fair"})
	s.then = wantStatus(http.StatusOK, func(got answer) error {
		type row struct {
			Index       int
			LeadID      string `json:"lead_id"`
			DuplicateOf string `json:"duplicate_of"`
		}
		var a struct{ Created, Updated, Skipped, Errors []row }
		if err := json.Unmarshal(got.body, &a); err != nil {
			return err
		}
		action, ids := make([]string, len(rows)), make([]string, len(rows))
		for as, list := range map[string][]row{"created": a.Created, "updated": a.Updated, "skipped": a.Skipped, "wrong": a.Errors} {
			for _, r := range list {
				if action[r.Index] != "" {
					return fmt.Errorf("row %d is in the answer twice", r.Index)
				}
				action[r.Index], ids[r.Index] = as, r.LeadID
			}
		}
		for i, w := range want {
			var err error
			switch {
			case w.wrong && action[i] == "wrong":
			case w.lead != nil && action[i] == "created":
				w.lead.id = ids[i]
				err = c.add(w.lead)
			case w.same >= 0 && action[i] == "skipped" && ids[i] == ids[w.same]:
			case w.shared != "":
				if action[i] == "created" {
					err = c.heard(w.shared, ids[i], "created", w.budget, false)
					c.shared[w.shared].notes = 1
				} else {
					err = c.heard(w.shared, ids[i], action[i], w.budget, false)
				}
			default:
				err = fmt.Errorf("row %d is %q", i, action[i])
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// change changes several things of a lead at once.
func (c *client) change(s *sent, live *heldLead) {
	s.method, s.path = http.MethodPatch, "/api/leads/"+live.id
	budget, name, passport := c.otherBudget(live.budget), "changed "+s.idempotencyKey, secretMark+"c"+s.idempotencyKey
	stage := []string{"New", "Won", "Lost"}[c.random.IntN(3)]
	var nothing any
	fields := map[string]any{"budget": json.Number(budget), "name": name, "passport": passport}
	if c.random.IntN(4) == 0 {
		fields["passport"], passport = nothing, ""
	}
	s.body = mustJSON(map[string]any{"fields": fields, "status": map[string]any{"stage": stage, "call": "Done"}})
	s.then = wantStatus(http.StatusOK, func(got answer) error {
		live.budget, live.name, live.passport, live.stage, live.call = budget, name, passport, stage, "Done"
		return live.is(got)
	})
}

// changeShared changes a lead that other clients change at the same moment.
func (c *client) changeShared(s *sent, name string, live *heldLead) {
	c.mu.Lock()
	h := c.shared[fmt.Sprintf("shared-%d-%d@example.com", c.round, c.random.IntN(6))]
	c.mu.Unlock()
	if h == nil {
		c.change(s, live)
		return
	}
	budget := strconv.Itoa(c.random.IntN(1e6))
	s.method, s.path, s.body = http.MethodPatch, "/api/leads/"+h.id, mustJSON(map[string]any{"fields": map[string]any{"name": name, "budget": json.Number(budget)}})
	s.then = wantStatus(http.StatusOK, func(got answer) error {
		h.budgets[budget] = true
		var l leadSeen
		if err := json.Unmarshal(got.body, &l); err != nil || string(l.Fields["budget"]) != budget || l.ID != h.id {
			return fmt.Errorf("want the budget %s: %w", budget, err)
		}
		return nil
	})
}

func (c *client) trashOrRestore(s *sent, live *heldLead) {
	if h := c.some(true); h != nil && c.random.IntN(2) == 0 {
		s.path = "/api/leads/" + h.id + "/restore"
		s.then = wantStatus(http.StatusOK, func(got answer) error {
			h.trashed = false
			return h.is(got)
		})
		return
	}
	s.method, s.path = http.MethodDelete, "/api/leads/"+live.id
	s.then = func(got answer) error {
		if got.status != http.StatusNoContent && (got.status != http.StatusNotFound || !s.again) {
			return fmt.Errorf("want 204")
		}
		live.trashed = true
		live.version++
		return nil
	}
}

// is compares a lead with the answer to a change, which made it one version newer.
func (h *heldLead) is(got answer) error {
	h.version++
	if tag := got.header.Get("ETag"); tag != fmt.Sprintf(`"%x"`, h.version) {
		return fmt.Errorf("the lead is at %s, not at version %d", tag, h.version)
	}
	var l leadSeen
	if err := json.Unmarshal(got.body, &l); err != nil {
		return err
	}
	return h.equals(l)
}
