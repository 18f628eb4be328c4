package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// standIn is a server in the place of the product.
func standIn(t *testing.T, h http.HandlerFunc) *leadServer {
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return &leadServer{product: &product{process: process{addr: srv.Listener.Addr().String()}}, key: "key"}
}

func TestListsAreWalkedToTheEnd(t *testing.T) {
	t.Parallel()
	s := standIn(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer key" || r.FormValue("entity") != "prospects" {
			t.Errorf("%s with %v", r.URL, r.Header)
		}
		switch r.FormValue("cursor") {
		case "":
			_, _ = io.WriteString(w, `{"data":[{"id":"a"},{"id":"b"}],"next_cursor":"two"}`)
		case "two":
			_, _ = io.WriteString(w, `{"data":[{"id":"c"},{"id":"d"}],"next_cursor":null}`)
		}
	})
	if got, err := s.ids(context.Background(), 3); err != nil || strings.Join(got, "") != "abc" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := s.ids(context.Background(), 5); err == nil {
		t.Error("there are only four")
	}
}

func TestExportsAreCounted(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 200_000)
	text := "Name,Message\n" + strings.Repeat("Ada,"+long+"\n", 20)
	s := standIn(t, func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("format") != "csv" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = io.WriteString(w, text)
	})
	rows, bytes, err := s.export(context.Background())
	if err != nil || rows != 21 || bytes != len(text) {
		t.Errorf("%d rows, %d bytes, %v", rows, bytes, err)
	}
	none := standIn(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusMethodNotAllowed) })
	if _, _, err := none.export(context.Background()); !lacking(err) {
		t.Errorf("no such operation: %v", err)
	}
	if _, err := none.call(context.Background(), "POST", "/api/leads/bulk", "{}", http.StatusOK); !lacking(err) {
		t.Errorf("no such operation: %v", err)
	}
	if _, err := none.scan(context.Background()); err == nil || lacking(err) {
		t.Errorf("neither an answer nor a refusal: %v", err)
	}
}

// What is sent is JSON once its numbers are in, and every lead is one of its own.
func TestBodiesAreJSON(t *testing.T) {
	t.Parallel()
	var entity any
	if err := json.Unmarshal([]byte(prospects), &entity); err != nil {
		t.Error(err)
	}
	var sent struct {
		Entity string
		Batch  []struct {
			Email  string
			Budget json.Number
			Status string `json:"status:stage"`
		}
	}
	if err := json.Unmarshal(newTemplate([]byte(bulkBody())).fill(nil, fillFrom), &sent); err != nil {
		t.Fatal(err)
	}
	emails, statuses := map[string]bool{}, map[string]int{}
	for i, l := range sent.Batch {
		if l.Email != emailOf(1+i) || len(l.Budget) != 8 {
			t.Fatalf("lead %d is %+v, not of %s", i, l, emailOf(1+i))
		}
		emails[l.Email] = true
		statuses[l.Status]++
	}
	if len(emails) != bulkRows || sent.Entity != "prospects" {
		t.Errorf("%d e-mails for %q", len(emails), sent.Entity)
	}
	if statuses["Won"] != 30 || statuses["Contacted"] != 200 || len(statuses) != 5 {
		t.Errorf("statuses: %v", statuses)
	}
}

func TestEmailsAskedForExist(t *testing.T) {
	t.Parallel()
	for _, leads := range []int{fewLeads, 20_000, manyLeads} {
		all := emailQueries(leads)
		last := emailOf(leads)
		for _, q := range all {
			email := strings.Trim(strings.TrimPrefix(q.Get("filter"), "email = "), `"`)
			if email < emailOf(1) || email > last {
				t.Fatalf("%s of %d leads", email, leads)
			}
		}
		if len(all) != emailsAsked {
			t.Errorf("%d questions", len(all))
		}
	}
}

func TestAnswersAreLookedAt(t *testing.T) {
	t.Parallel()
	made := func(n int, status string, budget func(int) int) page {
		var rows []string
		for i := range n {
			rows = append(rows, fmt.Sprintf(`{"id":"x","status":{"stage":{"name":"%s"}},"fields":{"email":"%s","budget":%d}}`, status, emailOf(1), budget(i)))
		}
		var p page
		if err := json.Unmarshal([]byte(`{"data":[`+strings.Join(rows, ",")+`],"next_cursor":"c"}`), &p); err != nil {
			t.Fatal(err)
		}
		return p
	}
	down, up := func(i int) int { return 100 - i }, func(i int) int { return i }
	for i, c := range []struct {
		question int
		answer   page
		right    bool
	}{
		{0, made(50, "New", down), true},
		{0, made(49, "New", down), false},
		{1, made(1, "New", down), true},
		{1, made(2, "New", down), false},
		{3, made(50, "Won", down), true},
		{3, made(30, "Won", down), true},
		{3, made(29, "Won", down), false},
		{3, made(50, "Won", up), false},
		{3, made(50, "New", down), false},
	} {
		if got := questions[c.question].right(c.answer); got != c.right {
			t.Errorf("case %d: %v", i, got)
		}
	}
}

func TestQueriesAreEncodedForAnyServer(t *testing.T) {
	t.Parallel()
	got := listPath(url.Values{"filter": {`email = "a+b@example.com"`}})
	if got != "/api/leads?entity=prospects&filter=email%20%3D%20%22a%2Bb%40example.com%22" {
		t.Error(got)
	}
}

func TestOnlyWhatIsMissingIsPassedOver(t *testing.T) {
	t.Parallel()
	gone, other := missing{"GET /x", "status 404"}, errors.New("other")
	for _, c := range []struct {
		err  error
		want bool
	}{
		{gone, true},
		{fmt.Errorf("in a part: %w", gone), true},
		{errors.Join(gone, errors.Join(gone, nil)), true},
		{other, false},
		{errors.Join(gone, other), false},
		{errors.Join(gone, errors.Join(other)), false},
	} {
		if got := lacking(c.err); got != c.want {
			t.Errorf("%v: %v", c.err, got)
		}
	}
}

func TestRefusalsAreToldInALine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"code":"not_found","detail":"There is no such lead."}`:                                           "status 404, not_found: There is no such lead.",
		`{"code":"validation_failed","detail":"Some","errors":[{"parameter":"sort","detail":"Unknown."}]}`: "status 404, validation_failed: sort: Unknown.",
		"<html>\n": `status 404: "<html>\n"`,
	} {
		if got := refusal(404, []byte(text)); got != want {
			t.Errorf("%s, not %s", got, want)
		}
	}
	if got := lines(errors.Join(errors.New("a"), errors.New("b"), errors.New("a"))); len(got) != 2 || got[1] != "b" {
		t.Errorf("%q", got)
	}
}
