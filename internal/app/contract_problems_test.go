package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/leadflip/leadflip/internal/platform/errs"
)

// TestEveryErrorIsAProblemDocument sends everything a caller can do wrong. That each
// answer is a problem document which fits the schema and agrees with its headers is
// what sound checks of every answer.
func TestEveryErrorIsAProblemDocument(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		_, caller := i.key(i.acme.production, "*")
		corpus := brokenRequests(i)
		if len(corpus) < 200 {
			t.Fatalf("only %d requests", len(corpus))
		}
		types := map[string]bool{}
		i.untouched("the corpus", func() {
			for _, b := range corpus {
				a := i.raw(b.text(i, caller))
				if a.code() != string(b.want) {
					t.Errorf("%s: want %s, got %s", b.name, b.want, a)
				}
				if strings.Contains(string(a.body)+fmt.Sprint(a.header), canary) {
					t.Errorf("%s: the answer repeats what was sent: %s", b.name, a)
				}
				types[a.text("type")] = true
			}
		})
		i.quiet()
		if strings.Contains(i.log.String(), canary) {
			t.Error("the log repeats what was sent")
		}
		for url := range types {
			if a := i.send(newRequest(http.MethodGet, strings.TrimPrefix(url, i.url))); a.status != http.StatusOK {
				t.Errorf("the type %s is not explained: %d", url, a.status)
			}
		}
	})
}

// Each code is explained on the instance itself.
func TestEveryCodeHasAPage(t *testing.T) {
	t.Parallel()
	i := newSQLiteInstance(t)
	for _, code := range errs.Codes() {
		if a := i.send(newRequest(http.MethodGet, "/help/errors/"+string(code))); a.status != http.StatusOK || !strings.Contains(string(a.body), string(code)) {
			t.Errorf("%s: %d", code, a.status)
		}
	}
}

// A panic is answered with a problem document too, and tells nothing.
func TestAPanicIsAProblemDocument(t *testing.T) {
	t.Parallel()
	i := newSQLiteInstance(t)
	_, secret := i.key(i.acme.production, "*")
	i.app.edge().Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Vary", "Authorization, Origin") // as the API does before anything else
		panic(canary + secret)
	})).ServeHTTP(i.recorder(t, "/api/key"))
	if strings.Contains(i.log.String(), secret[20:]) {
		t.Error("the key is in the log")
	}
	if !strings.Contains(i.log.String(), canary) {
		t.Error("the panic is not in the log")
	}
}

// Each wrong value is named by where it stands in the body, the query or a header.
func TestWrongValuesAreNamed(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		_, caller := i.key(i.acme.production, "*")
		for _, c := range []struct {
			request
			want []string
		}{
			{newRequest("POST", "/api/keys").sending(mediaJSON, `{"name":"","scopes":["x"],"rate_limit":"x","ip_allow":["10.0.0.0/8","x"]}`), []string{"/name invalid", "/scopes/0 invalid", "/ip_allow/1 invalid", "/rate_limit invalid"}},
			{newRequest("POST", "/api/keys").sending(mediaJSON, `{}`), []string{"/name required"}},
			{newRequest("POST", "/api/keys").sending(mediaJSON, `{"name":"a"}`), []string{"/scopes required"}},
			{newRequest("POST", "/api/keys").sending(mediaJSON, `{"name":1,"scopes":{"a":1}}`), []string{"/name invalid", "/scopes invalid"}},
			{newRequest("POST", "/api/keys").sending(mediaJSON, `{"expires_at":null,"scopes":["a",null],"zz":1}`), []string{"/expires_at invalid", "/zz unknown"}},
			{newRequest("POST", "/api/keys").sending(mediaJSON, `[]`), []string{" invalid"}},
			{newRequest("POST", "/api/keys").sending(mediaJSON, `{"a~b/c":1,"x.y":1,"p[0]":1}`), []string{"/a~0b~1c unknown", "/p[0] unknown", "/x.y unknown"}},
			{newRequest("POST", "/api/keys/report-leak").sending(mediaJSON, `{}`), []string{"/keys required"}},
			{newRequest("POST", "/api/keys/report-leak").sending(mediaJSON, `{"keys":["a",1]}`), []string{"/keys/1 invalid"}},
			{newRequest("GET", "/api/keys?limit=x"), []string{"limit invalid"}},
			{newRequest("GET", "/api/keys?zz=1"), []string{"zz unknown"}},
			{newRequest("GET", "/api/leads"), []string{"entity required"}},
			{newRequest("POST", "/api/intake").sending(mediaJSON, `{"entity":"leads","email":"x","phone":"x","status:stage":"x","notes":["a",{"text":1}]}`), []string{"/email", "/phone", "/status:stage", "/notes/1/text"}},
			{newRequest("POST", "/api/intake").sending(mediaForm, `entity=leads&email=x&a%2Fb=1`).query("strict=true"), []string{"/email", "/a~1b"}},
		} {
			a := i.send(c.by(caller))
			var p struct {
				Errors []errs.Field `json:"errors"`
			}
			i.must(json.Unmarshal(a.body, &p))
			var got []string
			for _, f := range p.Errors {
				got = append(got, f.Pointer+f.Parameter+" "+f.Code)
			}
			slices.Sort(got)
			slices.Sort(c.want)
			for n, want := range c.want {
				if len(got) != len(c.want) || !strings.HasPrefix(got[n]+" ", want+" ") {
					t.Errorf("want %q, got %q in %s", c.want, got, a)
					break
				}
			}
		}
	})
}
