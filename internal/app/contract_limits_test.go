package app

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/lead"
	"github.com/leadflip/leadflip/internal/lead/filter"
	"github.com/leadflip/leadflip/internal/platform/api"
	"github.com/leadflip/leadflip/internal/platform/errs"
)

// limits are what GET /api/limits publishes.
func (i *instance) limits() func(name string) int {
	i.t.Helper()
	a := i.send(newRequest(http.MethodGet, "/api/limits"))
	return func(name string) int {
		i.t.Helper()
		n, ok := a.json()[name]
		if !ok {
			i.t.Fatalf("the limit %q is not published", name)
		}
		var out int
		_, err := fmt.Sscan(fmt.Sprint(n), &out)
		i.must(err)
		return out
	}
}

// TestStrictJSON sends what is not strict JSON to every operation that reads JSON.
func TestStrictJSON(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		_, caller := i.key(i.acme.production, "*")
		n := 0
		for _, op := range i.doc.operations {
			if op.RequestBody == nil {
				continue
			}
			r := i.example(op, i.acme.production).by(caller)
			i.untouched(op.String(), func() {
				for _, body := range notStrict {
					a := i.send(r.sending(mediaJSON, body))
					if a.status != http.StatusBadRequest || a.code() != string(errs.InvalidJSON) {
						t.Errorf("%s, %.60q: %s", op, body, a)
					}
					if p := a.json(); len(body) < 1000 && (p["line"] == nil || p["column"] == nil) {
						t.Errorf("%s, %.60q: the place is not named: %s", op, body, a)
					}
					n++
				}
			})
		}
		if n < 5*len(notStrict) {
			t.Errorf("only %d bodies were sent", n)
		}
	})
}

// What is a little odd and still strict JSON is read.
func TestGoodJSONIsRead(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		_, caller := i.key(i.acme.production, "*")
		for _, body := range []string{
			"\r\n\t {\"entity\":\"leads\"} \r\n", `{"\u0065ntity":"leads"}`, `{"entity":"leads","name":"\ud83d\ude00"}`, "{\"entity\":\"leads\",\"name\":\"\U0001f600\u2028\"}", `{"entity":"leads","name":"a\/b"}`,
			`{"entity":"leads","x":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}`, `{"entity":"leads","x":` + strings.Repeat(`{"a":`, 62) + "{}" + strings.Repeat("}", 62) + `}`, `{"entity":"leads","":1}`,
		} {
			if a := i.send(newRequest(http.MethodPost, "/api/intake?dry_run=true").sending(mediaJSON, body).by(caller)); a.status != http.StatusOK {
				t.Errorf("%.80q: %s", body, a)
			}
		}
		for _, contentType := range []string{"application/json;charset=utf-8", "Application/JSON; charset=UTF-8", `application/json; charset="utf-8"`, "application/json;"} {
			if a := i.send(newRequest(http.MethodPost, "/api/intake?dry_run=true").sending(contentType, `{"entity":"leads"}`).by(caller)); a.status != http.StatusOK {
				t.Errorf("%q: %s", contentType, a)
			}
		}
	})
}

// Numbers keep every digit, in and out.
func TestNumbersAreNotRounded(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		_, caller := i.key(i.acme.production, "*")
		numbers := []string{"12345678901234567890.12345678901234567890", "0.10", "1e300", "-0", "9007199254740993", "1E5", "100000000000000000000000000000000000001"}
		a := i.send(newRequest(http.MethodPost, "/api/intake").sending(mediaJSON, `{"entity":"leads","figures":[`+strings.Join(numbers, ",")+`]}`).by(caller))
		got := i.send(newRequest(http.MethodGet, "/api/leads/"+a.text("lead_id")).by(caller))
		if want := `"figures":[` + strings.Join(numbers, ",") + `]`; !strings.Contains(string(got.body), want) {
			t.Errorf("want %s in %s", want, got)
		}
	})
}

// Each published limit holds to the byte: one less is taken, one more is refused.
func TestLimitsHoldToTheByte(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		_, caller := i.key(i.acme.production, "*")
		limit := i.limits()
		pad := func(body string, size int) string { return body + strings.Repeat(" ", size-len(body)) }
		for _, op := range i.doc.operations {
			if op.RequestBody == nil {
				continue
			}
			r := i.example(op, i.acme.production).by(caller)
			most := limit("body_bytes")
			if op.MaxBody > 0 {
				most = op.MaxBody
			}
			large := i.send(r.sending(mediaJSON, pad(r.body, most+1)))
			if large.status != http.StatusRequestEntityTooLarge || large.code() != string(errs.BodyTooLarge) || fmt.Sprint(large.json()["limit"]) != fmt.Sprint(most) {
				t.Errorf("%s, one byte too many: %s", op, large)
			}
			if a := i.send(r.sending(mediaJSON, pad(r.body, most))); fmt.Sprint(a.status) != op.success() {
				t.Errorf("%s, as large as allowed: %s", op, a)
			}
		}
		address := func(size int) string {
			const path = "/api/keys?zz="
			return path + strings.Repeat("a", size-len(path))
		}
		intake := newRequest(http.MethodPost, "/api/intake").sending(mediaJSON, `{"entity":"leads"}`)
		keys := func(n int) string { return `{"keys":["a"` + strings.Repeat(`,"a"`, n-1) + `]}` }
		networks := func(n int) string {
			list := make([]string, n)
			for m := range list {
				list[m] = fmt.Sprintf(`"10.%d.%d.0/24"`, m/256, m%256)
			}
			return fmt.Sprintf(`{"name":"n%d","scopes":["leads:read"],"ip_allow":[%s]}`, n, strings.Join(list, ","))
		}
		names := func(n int) string {
			var b strings.Builder
			b.WriteString(`{"entity":"leads"`)
			for m := range n - 1 {
				fmt.Fprintf(&b, `,"n%d":1`, m)
			}
			return b.String() + "}"
		}
		for _, c := range []struct {
			name         string
			most         int
			at           func(n int) request
			good, beyond string // problem code, "" for a success
		}{
			{"bytes of an address", limit("address_bytes"), func(n int) request { return newRequest("GET", address(n)) }, string(errs.ValidationFailed), string(errs.URITooLong)},
			{"items of a page", limit("page_max"), func(n int) request { return newRequest("GET", fmt.Sprint("/api/keys?limit=", n)) }, "", string(errs.ValidationFailed)},
			{"items of a page of leads", limit("page_max"), func(n int) request { return newRequest("GET", fmt.Sprint("/api/leads?entity=leads&limit=", n)) }, "", string(errs.ValidationFailed)},
			{"levels of JSON", limit("json_depth"), func(n int) request {
				return intake.sending(mediaJSON, `{"entity":"leads","x":`+strings.Repeat("[", n-1)+strings.Repeat("]", n-1)+"}")
			}, "", string(errs.InvalidJSON)},
			{"characters of an Idempotency-Key", limit("idempotency_key_length"), func(n int) request { return intake.with("Idempotency-Key", strings.Repeat("k", n)) }, "", string(errs.InvalidHeader)},
			{"reported keys", limit("reported_keys"), func(n int) request { return newRequest("POST", "/api/keys/report-leak").sending(mediaJSON, keys(n)) }, "", string(errs.ValidationFailed)},
			{"networks of a key", 100, func(n int) request { return newRequest("POST", "/api/keys").sending(mediaJSON, networks(n)) }, "", string(errs.ValidationFailed)},
			{"names of a lead", 1000, func(n int) request { return intake.sending(mediaJSON, names(n)) }, "", string(errs.ValidationFailed)},
		} {
			if a := i.send(c.at(c.most).by(caller)); a.code() != c.good {
				t.Errorf("%s, %d: want %q, got %s", c.name, c.most, c.good, a)
			}
			if a := i.send(c.at(c.most + 1).by(caller)); a.code() != c.beyond {
				t.Errorf("%s, %d: want %q, got %s", c.name, c.most+1, c.beyond, a)
			}
		}
		for name, want := range map[string]int{"page_default": 50, "page_max": 200, "body_bytes": api.MaxBody, "bulk_body_bytes": api.MaxBulkBody, "idempotency_days": 30, "rate_per_minute": api.DefaultLimit, "decimal_digits": 38, "fields_per_entity": entity.MaxFields,
			"entities": entity.MaxEntities, "pipelines_per_entity": entity.MaxPipelines, "statuses_per_pipeline": entity.MaxStatuses, "options_per_field": entity.MaxOptions, "bulk_rows": lead.MaxBulk,
			"names_per_lead": lead.MaxNames, "notes_per_call": lead.MaxNotes, "viewers_per_lead": lead.MaxViewers, "merged_leads": lead.MaxMerge, "filter_bytes": filter.MaxBytes,
			"filter_comparisons": filter.MaxTests, "filter_depth": filter.MaxDepth, "filter_values": filter.MaxValues, "list_seconds": int(lead.ListBudget.Seconds()), "trash_days": int(lead.TrashKept.Hours() / 24)} {
			if limit(name) != want {
				t.Errorf("%s is published as %d, want %d", name, limit(name), want)
			}
		}
	})
}
