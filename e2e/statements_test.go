package e2e

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
)

// mark stands in everything that is sent: if it is in the text of a statement, something
// that is sent becomes SQL.
const mark = "zq7mark"

// TestNothingThatIsSentBecomesSQL: names, values, filters and orders go to the database
// as values, never as a part of a statement. The database itself tells which statements
// it was given.
func TestNothingThatIsSentBecomesSQL(t *testing.T) {
	t.Parallel()
	server := ownPostgres(t, dbtest.ClusterOptions{Statements: true})
	p := newProgramAt(t, server.URL())
	p.start()
	key := p.key(mark+"' key", "*")
	hostile := mark + `'); DROP TABLE leads; --`
	text := func(s string) string {
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	h := text(hostile)
	p.must(http.MethodPost, "/api/entities", key, `{"name":`+h+`,"slug":"`+mark+`","icon":"sun","fields":[
		{"key":"`+mark+`","label":`+h+`,"type":"text","indexed":true,"help":`+h+`,"default":`+h+`},
		{"key":"`+mark+`_mail","label":"Mail","type":"email","match_key":1},
		{"key":"`+mark+`_kind","label":"Kind","type":"select","indexed":true,"options":[{"key":"`+mark+`","label":`+h+`}]},
		{"key":"`+mark+`_secret","label":"Secret","type":"text","encrypted":true,"match_key":2}],
		"pipelines":[{"name":`+h+`,"slug":"`+mark+`","statuses":[{"name":`+h+`,"color":"blue","default":true},{"name":"Won","color":"green"}]}]}`)
	lead := func(mail string) string {
		var made struct {
			LeadID string `json:"lead_id"`
		}
		body := `{"entity":"` + mark + `","` + mark + `":` + h + `,"` + mark + `_mail":"` + mail + `","` + mark + `_kind":` + h + `,"` + mark + `_secret":` + text(hostile+mail) + `,
			"status:` + mark + `":` + h + `,"source":` + h + `,"note":` + h + `,` + text("x "+hostile) + `:` + h + `}`
		if err := json.Unmarshal(p.must(http.MethodPost, "/api/intake", key, body), &made); err != nil {
			t.Fatal(err)
		}
		return made.LeadID
	}
	one, two := lead(mark+"1@example.com"), lead(mark+"2@example.com")
	lead(mark + "1@example.com") // a duplicate
	p.must(http.MethodPost, "/api/leads/bulk", key, `{"entity":"`+mark+`","source":`+h+`,"batch":[{"`+mark+`":`+h+`},{"`+mark+`_mail":"`+mark+`3@example.com","dedup_mode":"update"}]}`)
	p.must(http.MethodPatch, "/api/leads/"+one, key, `{"fields":{"`+mark+`":`+text(hostile+"!")+`},"status":{"`+mark+`":"Won"}}`)
	p.must(http.MethodPost, "/api/leads/"+one+"/notes", key, `{"text":`+h+`,"tag":`+h+`}`)
	p.must(http.MethodPost, "/api/leads/search-duplicates", key, `{"entity":"`+mark+`","fields":{"`+mark+`_mail":"`+mark+`1@example.com"}}`)
	p.must(http.MethodPost, "/api/leads/"+one+"/merge", key, `{"from":["`+two+`"],"prefer":{"`+mark+`":"`+two+`"}}`)
	found := 0
	for _, filter := range []string{
		"", mark + ` = ` + text(hostile), mark + ` contains "` + mark + `"`, mark + ` starts_with "` + mark + `"`, mark + ` in (` + text(hostile) + `, "` + mark + `")`, mark + ` > "` + mark + `"`,
		mark + ` between "` + mark + `" and "` + mark + `z"`, mark + `_kind = "` + mark + `"`, "status." + mark + " = " + text(hostile), `source = ` + text(hostile), mark + `_mail is not empty and not (` + mark + ` is empty)`,
	} {
		for _, order := range []string{"", mark, "-" + mark + ",created_at"} {
			var list struct{ Data []struct{ ID string } }
			query := url.Values{"entity": {mark}, "filter": {filter}, "sort": {order}, "count": {"exact"}, "limit": {"2"}}
			if err := json.Unmarshal(p.must(http.MethodGet, "/api/leads?"+query.Encode(), key, ""), &list); err != nil {
				t.Fatal(err)
			}
			found += len(list.Data)
		}
	}
	p.must(http.MethodGet, "/api/leads?entity="+mark+"&q="+url.QueryEscape(hostile), key, "")
	for _, format := range []string{"csv", "xlsx", "jsonl"} {
		p.must(http.MethodGet, "/api/leads/export?entity="+mark+"&format="+format+"&filter="+url.QueryEscape(mark+` contains "`+mark+`"`), key, "")
	}
	p.must(http.MethodPatch, "/api/entities/"+mark+"/fields/"+mark, key, `{"key":"`+mark+`_new","label":`+text("L "+hostile)+`}`)
	p.must(http.MethodGet, "/api/leads?entity="+mark+"&filter="+url.QueryEscape(mark+` contains "`+mark+`"`), key, "")
	p.stop(syscall.SIGTERM)

	log, err := server.Log()
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(log, "LOG:  execute "); n < 300 || found < 20 {
		t.Fatalf("only %d statements were noted and %d leads found; the test says little\n%.2000s", n, found, log)
	}
	for line := range strings.Lines(log) {
		if strings.Contains(strings.ToLower(line), mark) {
			t.Errorf("a statement holds what was sent: %.400s", line)
		}
	}
}
