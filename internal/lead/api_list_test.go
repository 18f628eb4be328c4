package lead

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/api"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// list asks for a list by query parameters "name=value".
func (w *door) list(params ...string) string {
	q := url.Values{"entity": {"indexed"}}
	for _, p := range params {
		if name, value, ok := strings.Cut(p, "="); ok {
			q.Set(name, value)
		}
	}
	return "/api/leads?" + q.Encode()
}

// names are the names of the leads of an answer.
func names(body map[string]any) []string {
	var out []string
	for _, l := range body["data"].([]any) {
		out = append(out, fmt.Sprint(l.(map[string]any)["fields"].(map[string]any)["name"]))
	}
	return out
}

func TestListThroughTheAPI(t *testing.T) {
	t.Parallel()
	w := newDoor(t, dbtest.SQLite(t))
	e := w.newEntity(w.who, indexed("indexed"))
	leads := w.manyLeads(&e, 5)
	delete(leads[2].Values, e.FieldNamed("budget").ID)
	w.put(&e, leads...)
	ada := func(numbers ...int) (out []string) {
		for _, i := range numbers {
			out = append(out, fmt.Sprintf("Ada Lovelace %d", i))
		}
		return out
	}
	for _, c := range []struct {
		params string
		want   []string
	}{
		{"", ada(4, 3, 2, 1, 0)},
		{"sort=created_at", ada(0, 1, 2, 3, 4)},
		{"sort=-Budget", ada(4, 3, 1, 0, 2)},
		{"sort=budget,-created_at", ada(0, 1, 3, 4, 2)},
		{"filter=budget > 6 and name contains \"LOVELACE\"", ada(4, 3, 1)},
		{"filter=budget is empty or status.stage = \"new\"", ada(3, 2, 0)},
		{"q=lovelace 3@example", ada(3)},
		{"q=nobody", nil},
	} {
		got := names(decode(t, w.do(http.MethodGet, w.list(c.params), ""), http.StatusOK))
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.params, diff)
		}
	}
}

func TestTheLinkRepeatsTheQuery(t *testing.T) {
	t.Parallel()
	w := newDoor(t, dbtest.SQLite(t))
	e := w.newEntity(w.who, indexed("indexed"))
	w.put(&e, w.manyLeads(&e, 7)...)
	target := w.list("filter=budget >= 0", "sort=-budget", "q=ada", "fields=name", "limit=2", "count=exact")
	var got []string
	for pages := 0; target != ""; pages++ {
		rec := w.do(http.MethodGet, target, "")
		body := decode(t, rec, http.StatusOK)
		got = append(got, names(body)...)
		if counted := fmt.Sprintf("%v %v", body["count"], body["count_is"]); counted != map[bool]string{true: "7 exact", false: "<nil> <nil>"}[pages == 0] {
			t.Errorf("page %d: %s", pages, counted)
		}
		target, _, _ = strings.Cut(strings.TrimPrefix(rec.Header().Get("Link"), "<"), ">")
	}
	if len(got) != 7 || !slices.IsSortedFunc(got, func(a, b string) int { return strings.Compare(b, a) }) {
		t.Errorf("%v", got)
	}
}

func TestFieldsPickWhatIsShown(t *testing.T) {
	t.Parallel()
	w := newDoor(t, dbtest.SQLite(t))
	e := w.newEntity(w.who, indexed("indexed"))
	w.put(&e, w.manyLeads(&e, 1)...)
	for fields, want := range map[string]string{
		"":                                   "assignee created_at entity environment fields id source status unmapped updated_at viewers",
		"id":                                 "id",
		"E-Mail,name":                        "fields id | email name",
		"status.stage,status.temperature":    "id status | stage",
		"created_at,Source,fields,name":      "created_at fields id source | budget call_at city email message moves_on name newsletter phone place site wishes",
		"status , status.stage,name,viewers": "fields id status viewers | name | stage",
	} {
		body := decode(t, w.do(http.MethodGet, w.list("fields="+fields), ""), http.StatusOK)
		l := body["data"].([]any)[0].(map[string]any)
		got := strings.Join(slices.Sorted(maps.Keys(l)), " ")
		for _, member := range []string{"fields", "status"} {
			if inner, ok := l[member].(map[string]any); ok && fields != "" {
				got += " | " + strings.Join(slices.Sorted(maps.Keys(inner)), " ")
			}
		}
		if got != want {
			t.Errorf("fields=%s: %s, want %s", fields, got, want)
		}
	}
}

func TestWrongQueriesPointAtTheParameter(t *testing.T) {
	t.Parallel()
	w := newDoor(t, dbtest.SQLite(t))
	e := indexed("indexed")
	w.newEntity(w.who, e)
	for params, want := range map[string]string{
		"sort=message":        "sort not_indexed",
		"sort=nothing":        "sort unknown_field",
		"sort=wishes":         "sort not_sorted",
		"sort=budget,-budget": "sort sent_twice",
		"sort=budget,email,created_at,updated_at": "sort too_many",
		"sort=budget,":                                 "sort unknown_field",
		"filter=budget >":                              "filter syntax",
		"filter=secret = 1":                            "filter unknown_field",
		"fields=name,secret":                           "fields unknown_field",
		"fields=status.nothing":                        "fields unknown_pipeline",
		"q=" + strings.Repeat("a", MaxSearch+1):        "q too_long",
		"q=" + strings.Repeat("a ", maxWords+1):        "q too_long",
		"count=roughly":                                "count invalid",
		"filter=name = \"" + strings.Repeat("a", 5000): "filter too_long",
	} {
		body := decode(t, w.do(http.MethodGet, w.list(params), ""), http.StatusUnprocessableEntity)
		wrong := body["errors"].([]any)[0].(map[string]any)
		if got := fmt.Sprint(wrong["parameter"], " ", wrong["code"]); got != want {
			t.Errorf("%.60s: %s, want %s", params, got, want)
		}
		if (body["position"] != nil) != strings.HasPrefix(params, "filter=") {
			t.Errorf("%.60s: position %v", params, body["position"])
		}
	}
}

func TestCursorsAreForTheirQueryAlone(t *testing.T) {
	t.Parallel()
	w := newDoor(t, dbtest.SQLite(t))
	e := w.newEntity(w.who, indexed("indexed"))
	w.put(&e, w.manyLeads(&e, 5)...)
	query := []string{"filter=budget >= 0", "sort=budget", "q=ada", "limit=2"}
	cursor := "cursor=" + decode(t, w.do(http.MethodGet, w.list(query...), ""), http.StatusOK)["next_cursor"].(string)
	for change, want := range map[string]int{
		"filter=budget >= 1": 400, "sort=-budget": 400, "sort=budget,created_at": 400, "sort=": 400, "q=lovelace": 400, "q=": 400, "filter=": 400,
		"filter=(Budget  >= 0.0)": 400, "filter= (BUDGET>=0)": 200, "sort=Budget": 200, "q=ADA ": 200, "limit=200": 200, "fields=name": 200, "count=exact": 200,
	} {
		if rec := w.do(http.MethodGet, w.list(append(slices.Clone(query), cursor, change)...), ""); rec.Code != want {
			t.Errorf("%s: %d, want %d: %s", change, rec.Code, want, rec.Body)
		}
	}
}

func TestAnEstimateStopsCounting(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t))
	e := w.newEntity(w.who, indexed("indexed"))
	w.put(&e, w.manyLeads(&e, EstimateMax+1)...)
	for filter, want := range map[string]Count{
		"": {EstimateMax, true}, `created_at >= 2026-01-01`: {EstimateMax, true}, `source = "API"`: {EstimateMax, true}, `newsletter = true`: {EstimateMax/2 + 1, false}, `email = "7@example.com"`: {1, false},
	} {
		p, err := w.svc.list(t.Context(), w.who, Query{Entity: "indexed", Filter: filter, Count: "estimate", Limit: 1}, time.Minute)
		if err != nil || *p.Count != want {
			t.Errorf("%s: %+v, %v", filter, p.Count, err)
		}
		if p, err = w.svc.list(t.Context(), w.who, Query{Entity: "indexed", Filter: filter, Count: "exact", Limit: 1}, time.Minute); err != nil || p.Count.AtLeast || want.AtLeast && p.Count.N != EstimateMax+1 {
			t.Errorf("%s: %+v, %v", filter, p.Count, err)
		}
	}
}

// plainBody is a lead as encoding/json writes it.
func plainBody(l *Lead, e *entity.Entity, environment string, people map[id.ID]account.Person) leadBody {
	member := func(person id.ID) *leadMember {
		if p, ok := people[person]; ok {
			return &leadMember{p.ID.String(), p.Name, p.Email}
		}
		return nil
	}
	b := leadBody{ID: l.ID.String(), Entity: e.Slug, Source: l.Source, CreatedAt: l.CreatedAt, UpdatedAt: l.UpdatedAt, Assignee: leadAssignee{member(l.AssigneeID)},
		Viewers: []leadMember{}, Status: map[string]leadStatus{}, Fields: leadFields{}, Unmapped: leadUnmapped(l.Unmapped), Environment: environment}
	for _, v := range l.Viewers {
		if m := member(v); m != nil {
			b.Viewers = append(b.Viewers, *m)
		}
	}
	for i := range e.Pipelines {
		p := &e.Pipelines[i]
		if since, ok := l.Status(p.ID); ok {
			s := p.StatusByID(since.StatusID)
			b.Status[p.Slug] = leadStatus{s.ID.String(), s.Name, since.Since}
		}
	}
	for i := range e.Fields {
		b.Fields[e.Fields[i].Key] = e.Fields[i].Wire(l.Values[e.Fields[i].ID])
	}
	return b
}

// spaced is JSON as PostgreSQL keeps it, or worse.
func spaced(data string) string {
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(data), "", " "); err != nil {
		panic(err)
	}
	return b.String()
}

var wholeTimes = regexp.MustCompile(`"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"`)

func TestLeadsAreWrittenAsEncodingJSONWould(t *testing.T) {
	t.Parallel()
	e := identified(solar())
	ada, eve := account.Person{ID: id.New(), Name: `Ada "the" <first>`, Email: "ada@example.com"}, id.New()
	people := map[id.ID]account.Person{ada.ID: ada}
	rapid.Check(t, func(t *rapid.T) {
		l := drawLead(t, e, []id.ID{ada.ID, eve})
		l.Unmapped = []byte(`{"a":1.50}`)
		l.Viewers = rapid.SampledFrom([][]id.ID{nil, {ada.ID}, {eve, ada.ID, ada.ID}}).Draw(t, "viewers")
		l.Source = rapid.String().Draw(t, "source")
		l.Values[e.Fields[0].ID] = rapid.String().Draw(t, "name")
		want, err := json.Marshal(plainBody(&l.Lead, e, "production", people))
		if err != nil {
			t.Fatal(err)
		}
		got, err := leadAnswer{&l.Lead, e, "production", people, nil}.AppendJSON([]byte("before"))
		if err != nil || !strings.HasPrefix(string(got), "before") {
			t.Fatal(err, string(got))
		}
		var x, y any
		// The API writes every time with six digits of the second.
		want = wholeTimes.ReplaceAllFunc(want, func(text []byte) []byte {
			at, err := time.Parse(`"`+time.RFC3339Nano+`"`, string(text))
			if err != nil {
				return text
			}
			return api.AppendTime(nil, at)
		})
		if err := json.Unmarshal(want, &x); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(got[len("before"):], &y); err != nil {
			t.Fatalf("%v: %s", err, got)
		}
		if diff := cmp.Diff(x, y); diff != "" {
			t.Fatalf("(-plain +own):\n%s", diff)
		}

		// A lead whose values were not read comes out the same, in whatever order they are
		// stored, and with the spaces of PostgreSQL.
		other := *e
		other.Fields = rapid.Permutation(e.Fields).Draw(t, "order")
		data := dataJSON(&other, l.Values)
		if rapid.Bool().Draw(t, "spaces") {
			data = spaced(data)
		}
		unread := l.Lead
		unread.Values, unread.stored = nil, data
		if got, err = (leadAnswer{&unread, e, "production", people, nil}).AppendJSON(nil); err != nil {
			t.Fatal(err)
		}
		var z any
		if err := json.Unmarshal(got, &z); err != nil {
			t.Fatalf("%v: %s", err, got)
		}
		if diff := cmp.Diff(x, z); diff != "" {
			t.Fatalf("%s\n(-plain +unread):\n%s", data, diff)
		}
	})
}

// TestPeopleAreNamed: the assignee and the viewers of a page; somebody who is no member
// is nobody.
func TestPeopleAreNamed(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newDoor(t, d)
		e := w.newEntity(w.who, indexed("indexed"))
		people := w.people(3)
		leads := w.manyLeads(&e, 3)
		leads[0].AssigneeID, leads[1].AssigneeID = people[0], people[1]
		w.put(&e, leads...)
		w.update(func(ctx context.Context, tx *db.Tx) error {
			if _, err := tx.Exec(ctx, `UPDATE leads SET viewers = $1 WHERE environment_id = $2 AND id = $3`, viewersText(people[1:]), w.who.Environment.ID, leads[0].ID); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, `DELETE FROM memberships WHERE person_id = $1`, people[1])
			return err
		})
		for name, params := range map[string]string{"walked": "sort=created_at", "found": "filter=source = \"api\""} {
			body := decode(t, w.do(http.MethodGet, w.list(params, "fields=assignee,viewers", "sort=created_at"), ""), http.StatusOK)
			got := fmt.Sprint(body["data"])
			want := fmt.Sprintf("[map[assignee:%[1]s id:%[2]s viewers:[%[3]s]] map[assignee:<nil> id:%[4]s viewers:[]] map[assignee:<nil> id:%[5]s viewers:[]]]",
				fmt.Sprintf("map[email:%[1]s@example.com id:%[1]s name:Person 0]", people[0]), leads[0].ID, fmt.Sprintf("map[email:%[1]s@example.com id:%[1]s name:Person 2]", people[2]), leads[1].ID, leads[2].ID)
			if got != want {
				t.Errorf("%s:\n got %s\nwant %s", name, got, want)
			}
		}
		if got := names(decode(t, w.do(http.MethodGet, w.list(fmt.Sprintf("filter=assignee = \"%s@EXAMPLE.com\"", people[0])), ""), http.StatusOK)); len(got) != 1 || got[0] != "Ada Lovelace 0" {
			t.Errorf("by e-mail: %v", got)
		}
	})
}

// What is wrong with a parameter is said in words that tell what to send.
func TestWrongParametersOfAList(t *testing.T) {
	t.Parallel()
	w := newDoor(t, dbtest.SQLite(t))
	w.e = w.newEntity(w.who, funnel())
	for query, want := range map[string]string{
		"":                           "entity required: Send this query parameter too; it is required.",
		"entity=funnel&limit=0":      "limit invalid: Send 1 or more.",
		"entity=funnel&limit=201":    "limit invalid: Send 200 or less.",
		"entity=funnel&limit=many":   "limit invalid: Send a whole number.",
		"entity=funnel&count=all":    "count invalid: Use one of: exact, estimate.",
		"entity=funnel&offset=50":    "offset unknown: This name is not known here. Leave it out, or check its spelling in the API reference.",
		"entity=funnel&sort=nothing": "sort unknown_field: Sort by created_at, updated_at or indexed fields, each with - before it to turn the order around. " + w.e.NoField(),
	} {
		problem := decode(t, w.do("GET", "/api/leads?"+query, ""), http.StatusUnprocessableEntity)
		all := problem["errors"].([]any)
		first := all[0].(map[string]any)
		if got := fmt.Sprintf("%s %s: %s", first["parameter"], first["code"], first["detail"]); got != want || len(all) != 1 {
			t.Errorf("%s: %s\nwant %s", query, got, want)
		}
	}
}

// The same of a body.
func TestWrongValuesOfABody(t *testing.T) {
	t.Parallel()
	w := newDoor(t, dbtest.SQLite(t))
	w.e = w.newEntity(w.who, funnel())
	lead := w.mustSend(w.who, `{"entity":"funnel","name":"Ada"}`).LeadID.String()
	for body, want := range map[string]string{
		`{"text":1}`:               "/text invalid: Send a text, in quotes.",
		`{"text":"a","tag":["b"]}`: "/tag invalid: Send a text, in quotes.",
		`{"tag":"b"}`:              "/text required: This value is required.",
	} {
		problem := decode(t, w.do("POST", "/api/leads/"+lead+"/notes", body), http.StatusUnprocessableEntity)
		first := problem["errors"].([]any)[0].(map[string]any)
		if got := fmt.Sprintf("%s %s: %s", first["pointer"], first["code"], first["detail"]); got != want {
			t.Errorf("%s: %s\nwant %s", body, got, want)
		}
	}
}
