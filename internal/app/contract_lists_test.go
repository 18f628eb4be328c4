package app

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/errs"
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

// fill makes n objects for a list to show.
func (i *instance) fill(op operation, who account.Principal, n int) {
	collection := op.path[strings.LastIndex(op.path, "/")+1:]
	for range n {
		i.object(collection, who)
	}
}

// TestAListIsWalkedByItsLinks: limit, next_cursor and Link lead through every item once.
func TestAListIsWalkedByItsLinks(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		_, caller := i.key(i.acme.production, "*")
		for _, op := range i.doc.lists(t) {
			i.fill(op, i.acme.production, 23)
			i.fill(op, i.acme.staging, 2)
			i.fill(op, i.globex.production, 2)
			whole := i.send(i.about(op, "").query("limit=200").by(caller))
			want := idsOf(whole)
			if whole.status != http.StatusOK || len(want) < 23 || whole.json()["next_cursor"] != nil || whole.header.Get("Link") != "" {
				t.Errorf("%s, the whole: %s", op, whole)
			}
			var got []string
			target := i.about(op, "").query("limit=7").target
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
					if u.Query().Get("cursor") != cursor || u.Query().Get("limit") != "7" || u.Path != op.path {
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
		for n, who := range places {
			_, keys[n] = i.key(who, "*")
			for _, op := range i.doc.lists(t) {
				i.fill(op, who, 3)
				a := i.send(i.about(op, "").query("limit=1").by(keys[n]))
				cursors[fmt.Sprint(n, op)] = a.text("next_cursor")
			}
		}
		refuse := func(op operation, what, cursor string) {
			t.Helper()
			a := i.send(i.about(op, "").query("cursor=" + url.QueryEscape(cursor)).by(keys[0]))
			if a.status != http.StatusBadRequest || a.code() != string(errs.InvalidCursor) || a.json()["data"] != nil {
				t.Errorf("%s, %s: %s", op, what, a)
			}
		}
		i.untouched("cursors", func() {
			for _, op := range i.doc.lists(t) {
				own := cursors[fmt.Sprint(0, op)]
				for place, cursor := range cursors {
					if cursor != own {
						refuse(op, "of "+place, cursor)
					}
				}
				for n := range own {
					for _, c := range []byte{own[n] ^ 1, 'A', '_', '=', '.'} {
						if changed := own[:n] + string(c) + own[n+1:]; changed != own {
							refuse(op, fmt.Sprintf("changed at %d", n), changed)
						}
					}
				}
				for what, cursor := range map[string]string{"cut": own[:len(own)-1], "longer": own + "A", "padded": own + "==", "twice": own + own, "spaced": " " + own, "the tag alone": own[:22]} {
					refuse(op, what, cursor)
				}
			}
		})
	})
}
