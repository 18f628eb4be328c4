package app

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/leadflip/leadflip/internal/platform/api"
	"github.com/leadflip/leadflip/internal/platform/errs"
)

// verbs are methods that clients know, and some that nobody does.
var verbs = []string{
	"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "PURGE", "QUERY", "LINK", "SEARCH", "TRACK", "DEBUG", "FOO", "get", "Post", "G3T", "X-Y",
}

// matches tells whether a path fits an operation's template.
func (op operation) matches(path string) bool {
	want, have := strings.Split(op.path, "/"), strings.Split(path, "/")
	if len(want) != len(have) {
		return false
	}
	for n := range want {
		if want[n] != have[n] && !strings.HasPrefix(want[n], "{") {
			return false
		}
	}
	return true
}

// methodsOf are the methods that the document gives a path.
func (d *document) methodsOf(path string) []string {
	set := map[string]bool{}
	for _, op := range d.operations {
		if op.matches(path) {
			set[op.method] = true
			if op.method == http.MethodGet {
				set[http.MethodHead] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// TestAllVerbsOnAllRoutes: what is documented is served, everything else is a 405 that
// says what is served, and changes nothing.
func TestAllVerbsOnAllRoutes(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		_, caller := i.key(i.acme.production, "*")
		paths := map[string]string{}
		for _, op := range i.doc.operations {
			paths[op.path] = i.example(op, i.acme.production).target
		}
		i.untouched("wrong methods", func() {
			for _, target := range paths {
				path, _, _ := strings.Cut(target, "?")
				methods := i.doc.methodsOf(path)
				for _, verb := range verbs {
					for _, lines := range [][]string{nil, {"Authorization: Bearer " + caller}, {"Authorization: Bearer " + caller, "X-HTTP-Method-Override: GET", "X-Method-Override: DELETE"}} {
						if slices.Contains(methods, verb) {
							continue
						}
						a := i.raw(i.head(verb, path, lines...))
						allow := strings.Split(a.header.Get("Allow"), ", ")
						slices.Sort(allow)
						if a.status != http.StatusMethodNotAllowed || !slices.Equal(allow, methods) {
							t.Errorf("%s %s: want a 405 with %v, got %v %s", verb, path, methods, allow, a)
						}
					}
				}
			}
		})
	})
}

// TestHeadIsGetWithoutABody: the same status and headers, no body.
func TestHeadIsGetWithoutABody(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		_, caller := i.key(i.acme.production, "*")
		_, poor := i.key(i.acme.production, "events:read")
		for _, op := range i.doc.operations {
			if !op.reads() {
				continue
			}
			r := i.example(op, i.acme.production)
			for _, r := range []request{r.by(caller), r.by(poor), r, r.by(caller).query("unknown=1"), r.by(caller).with("Accept", "text/html")} {
				get := i.send(r)
				r.method = http.MethodHead
				head := i.send(r)
				for _, name := range []string{"X-Request-Id", "Date", "RateLimit"} {
					get.header.Del(name)
					head.header.Del(name)
				}
				if head.header.Get("Content-Length") == "" { // the answer was long, and its length not known at its head
					get.header.Del("Content-Length")
				} else if head.status >= 400 && get.header.Get("Content-Length") != head.header.Get("Content-Length") {
					// A problem repeats its request id, whose length is always the same.
					t.Errorf("Content-Length differs: %s", head)
				}
				get.header.Del("Content-Length")
				head.header.Del("Content-Length")
				if head.status != get.status || fmt.Sprint(head.header) != fmt.Sprint(get.header) || len(head.body) > 0 {
					t.Errorf("%s differs:\n%d %v\n%d %v", op, get.status, get.header, head.status, head.header)
				}
			}
		}
	})
}

// TestTheDocumentIsTheRoutes: routes served are routes documented, both ways, with the
// policy that the document tells.
func TestTheDocumentIsTheRoutes(t *testing.T) {
	t.Parallel()
	i := newSQLiteInstance(t)
	served := map[string]string{}
	i.app.api.Operations(func(pattern, scope string) { served[pattern] = scope })
	documented := map[string]string{}
	for _, op := range i.doc.operations {
		documented[op.String()] = op.Scope
	}
	if !maps.Equal(served, documented) {
		t.Errorf("served:\n%v\ndocumented:\n%v", served, documented)
	}
	for _, op := range i.doc.operations {
		if a := i.send(i.example(op, i.acme.production)); !op.open() && a.status != http.StatusUnauthorized || op.open() && fmt.Sprint(a.status) != op.success() {
			t.Errorf("%s: %s", op, a)
		}
	}
	a := i.send(newRequest(http.MethodGet, "/api/openapi.json"))
	if here := strings.Replace(string(OpenAPI()), `"url": "/"`, `"url": "`+i.url+`"`, 1); string(a.body) != here || a.header.Get("Content-Type") != "application/openapi+json" {
		t.Errorf("the served document is another one, as %q", a.header.Get("Content-Type"))
	}
}

// A program with an operation that nobody decided on does not start.
func TestAnOperationWithoutAPolicyStopsTheProgram(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("an operation without a policy was registered")
		}
	}()
	a := api.New(api.Config{})
	api.Register(a, huma.Operation{OperationID: "open-door", Method: http.MethodGet, Path: "/api/door"}, api.Policy{}, func(context.Context, *struct{}) (*struct{}, error) { return nil, nil })
}

// Paths that are not in their shortest form, or hide a slash, lead nowhere.
var uncleanPaths = []string{
	"//api/key", "/api//key", "/api/./key", "/api/../api/key", "/api/key/", "/api/key/.", "/api/key/..", "/api/keys/../key", "/./api/key", "/api/key//", "///api/key",
	"/api%2fkey", "/api%2Fkey", "/api/%2e/key", "/api/%2e%2e/api/key", "/api/keys/%2e%2e%2fkey", "/api/%2fkey", "/%2fapi/key", "/api/key%2f", "/api\\key", "/api/key%00", "/api/key%20", "/api/key;a=1",
	"/API/key", "/api/Key", "/api/key.json", "/api", "/api/", "/api/api/key", "/apikey", "/v1/key",
}

func TestUncleanPathsLeadNowhere(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		_, caller := i.key(i.acme.production, "*")
		i.untouched("unclean paths", func() {
			for _, path := range uncleanPaths {
				for _, method := range []string{"GET", "POST", "HEAD"} {
					a := i.raw(i.head(method, path, "Authorization: Bearer "+caller))
					if a.status != http.StatusNotFound && (a.status != http.StatusMethodNotAllowed || isAPI(path)) || a.header.Get("Location") != "" {
						t.Errorf("%s %s: %s %v", method, path, a, a.header)
					}
				}
			}
		})
	})
}

// TestProbedPathsDoNotExist asks for what scanners look for.
func TestProbedPathsDoNotExist(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		_, caller := i.key(i.acme.production, "*")
		paths := probedPaths()
		if len(paths) < 300 {
			t.Fatalf("only %d paths", len(paths))
		}
		i.untouched("probing", func() {
			for n, path := range paths {
				r := newRequest([]string{"GET", "POST", "OPTIONS"}[n%3], path)
				if n%2 == 0 {
					r = r.by(caller)
				}
				a := i.send(r)
				if a.status != http.StatusNotFound && (a.status != http.StatusMethodNotAllowed || isAPI(path)) {
					t.Errorf("%s exists: %s", path, a)
				}
				if isAPI(path) && a.code() != string(errs.NotFound) {
					t.Errorf("%s: %s", path, a)
				}
			}
		})
	})
}

// probedPaths are made of what is commonly found open, at the root and under /api.
func probedPaths() []string {
	words := strings.Fields(`
		.env .env.local .git/config .git/HEAD .svn/entries .DS_Store .htaccess .htpasswd .aws/credentials .ssh/id_rsa .well-known/openid-configuration .vscode/sftp.json
		admin admin/login administrator wp-admin wp-login.php wp-json/wp/v2/users xmlrpc.php phpmyadmin phpinfo.php index.php server-status server-info cgi-bin/test
		debug debug/pprof debug/pprof/heap debug/pprof/profile debug/pprof/cmdline debug/vars debug/requests pprof metrics prometheus stats status info health healthcheck ping version build
		actuator actuator/env actuator/health actuator/heapdump jolokia console h2-console manager/html solr jenkins grafana kibana
		graphql graphiql playground swagger swagger-ui swagger-ui.html swagger.json swagger.yaml openapi openapi.yaml openapi.json docs redoc api-docs v2/api-docs v3/api-docs schema schemas schemas/Problem.json
		backup backup.zip backup.sql dump.sql db.sqlite leadflip.db data/leadflip.db data master.key config config.json config.yml settings.py secrets credentials keys.txt id_rsa
		users user users/1 accounts account accounts/1 people members sessions tokens token oauth/token oauth/authorize auth auth/token internal private test dev staging
		upload uploads files file static public assets/../../etc/passwd etc/passwd proc/self/environ install installer migrate reset shutdown restart exec eval shell cmd rpc ws socket.io
		webhooks webhook hooks event event-stream export import search query sql batch bulk jobs queue tasks logs log audit trace env
		leads/export leads/bulk leads/search forms submissions limits/all key/secret keys/all keys/export entities/new`)
	var out []string
	for _, w := range words {
		out = append(out, "/api/"+w, "/api/v1/"+w)
		if !slices.Contains([]string{"openapi.json", "docs"}, w) {
			out = append(out, "/"+w)
		}
	}
	// A word behind a collection is an id, and that there is no such one is said to a
	// key that may ask.
	return slices.DeleteFunc(out, func(path string) bool {
		return strings.HasPrefix(path, "/api/leads/") || strings.HasPrefix(path, "/api/keys/") || strings.HasPrefix(path, "/api/entities/") || path == "/api/openapi.json"
	})
}
