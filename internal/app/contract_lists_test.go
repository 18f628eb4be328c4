package app

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/lead"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// lists are the operations that page.
func (d *document) lists(t *testing.T) []operation {
	t.Helper()
	var out []operation
	for _, op := range d.operations {
		if op.takes("query", "cursor") {
			out = append(out, op)
		}
	}
	if len(out) < 2 {
		t.Errorf("only %d operations page", len(out))
	}
	return out
}

var nextLink = regexp.MustCompile(`^<(/api/[^>]+)>; rel="next"$`)

// fill makes n things for a list to show, and returns the object whose list it is, ""
// for a list of its own.
func (i *instance) fill(op operation, who account.Principal, n int) (of string) {
	last := op.path[strings.LastIndex(op.path, "/")+1:]
	if op.collection() == "" {
		for range n {
			i.object(last, who)
		}
		return ""
	}
	of = i.object(op.collection(), who)
	add := parts[last]
	if add == nil {
		i.t.Fatalf("the tests cannot add to %s yet; add it to parts", op)
	}
	for range n {
		add(i, who, of)
	}
	return of
}

// parts add one thing to the list that an object has, by its name in the path.
var parts = map[string]func(i *instance, who account.Principal, of string){
	"timeline": func(i *instance, who account.Principal, of string) {
		_, err := i.app.Leads.AddNote(context.Background(), who, id.MustParse(of), lead.NewNote{Text: i.unique("note")}, nil)
		i.must(err)
	},
}

// TestAListIsWalkedByItsLinks: limit, next_cursor and Link lead through every item once.
// However long a page is, its head tells its length.
func TestAListIsWalkedByItsLinks(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		_, caller := i.key(i.acme.production, "*")
		for _, op := range i.doc.lists(t) {
			of := i.fill(op, i.acme.production, 23)
			i.fill(op, i.acme.staging, 2)
			i.fill(op, i.globex.production, 2)
			whole := i.send(i.about(op, of).query("limit=200").by(caller))
			want := idsOf(whole)
			if whole.status != http.StatusOK || len(want) < 23 || whole.json()["next_cursor"] != nil || whole.header.Get("Link") != "" {
				t.Errorf("%s, the whole: %s", op, whole)
			}
			if length := whole.header.Get("Content-Length"); length != strconv.Itoa(len(whole.body)) {
				t.Errorf("%s answers %d bytes and says %q", op, len(whole.body), length)
			}
			var got []string
			target := i.about(op, of).query("limit=7").target
			for target != "" && len(got) <= len(want) {
				a := i.send(newRequest(http.MethodGet, target).by(caller))
				page := idsOf(a)
				got = append(got, page...)
				cursor, link := a.json()["next_cursor"], nextLink.FindStringSubmatch(a.header.Get("Link"))
				if (cursor == nil) != (link == nil) || a.status != http.StatusOK || len(page) > 7 {
					t.Fatalf("%s: %s, Link %q", op, a, a.header.Get("Link"))
				}
				target = ""
				if cursor != nil {
					u, err := url.Parse(link[1])
					i.must(err)
					if u.Query().Get("cursor") != cursor || u.Query().Get("limit") != "7" || u.Path != op.at(of) {
						t.Errorf("%s: the link %s is not the cursor %v", op, link[1], cursor)
					}
					target = link[1]
				}
			}
			if strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("%s: the walk shows\n%v, the list\n%v", op, got, want)
			}
		}
	})
}

func idsOf(a answer) []string {
	list, _ := a.json()["data"].([]any)
	var out []string
	for _, one := range list {
		out = append(out, fmt.Sprint(one.(map[string]any)["id"]))
	}
	return out
}

// TestCursorsAreOfOneList: a cursor that was changed in any byte, or comes from another
// list, environment or account, is a 400 and shows nothing.
func TestCursorsAreOfOneList(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		places := []account.Principal{i.acme.production, i.acme.staging, i.globex.production}
		keys := make([]string, len(places))
		cursors := map[string]string{} // by place and list
		own := map[string]string{}     // the object of each list, in the first place
		for n, who := range places {
			_, keys[n] = i.key(who, "*")
			for _, op := range i.doc.lists(t) {
				of := i.fill(op, who, 3)
				if n == 0 {
					own[op.String()] = of
				}
				a := i.send(i.about(op, of).query("limit=1").by(keys[n]))
				cursors[fmt.Sprint(n, op)] = a.text("next_cursor")
			}
		}
		refuse := func(op operation, what, cursor string) {
			t.Helper()
			a := i.send(i.about(op, own[op.String()]).query("cursor=" + url.QueryEscape(cursor)).by(keys[0]))
			if a.status != http.StatusBadRequest || a.code() != string(errs.InvalidCursor) || a.json()["data"] != nil {
				t.Errorf("%s, %s: %s", op, what, a)
			}
		}
		i.untouched("cursors", func() {
			for _, op := range i.doc.lists(t) {
				good := cursors[fmt.Sprint(0, op)]
				for place, cursor := range cursors {
					if cursor != good {
						refuse(op, "of "+place, cursor)
					}
				}
				for n := range good {
					for _, c := range []byte{good[n] ^ 1, 'A', '_', '=', '.'} {
						if changed := good[:n] + string(c) + good[n+1:]; changed != good {
							refuse(op, fmt.Sprintf("changed at %d", n), changed)
						}
					}
				}
				for what, cursor := range map[string]string{"cut": good[:len(good)-1], "longer": good + "A", "padded": good + "==", "twice": good + good, "spaced": " " + good, "the tag alone": good[:22]} {
					refuse(op, what, cursor)
				}
			}
		})
	})
}
