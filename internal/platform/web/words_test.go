package web

import (
	"math"
	"net/url"
	"testing"
	"time"
)

func TestRelative(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 10, 30, 0, 0, time.UTC)
	const day = 24 * time.Hour
	for _, c := range []struct {
		ago  time.Duration
		want string
	}{
		{0, "just now"},
		{9 * time.Second, "just now"},
		{10 * time.Second, "10 s ago"},
		{59*time.Second + 999*time.Millisecond, "59 s ago"},
		{time.Minute, "1 min ago"},
		{59*time.Minute + 59*time.Second, "59 min ago"},
		{time.Hour, "1 h ago"},
		{day - time.Second, "23 h ago"},
		{day, "1 d ago"},
		{59 * day, "59 d ago"},
		{60 * day, "2 mo ago"},
		{364 * day, "12 mo ago"},
		{365 * day, "1 y ago"},
		{100 * 365 * day, "100 y ago"},
		{-time.Second, "in a moment"},
		{-10 * time.Second, "in 10 s"},
		{-90 * time.Minute, "in 1 h"},
		{-14 * day, "in 14 d"},
	} {
		if got := Relative(now.Add(-c.ago), now); got != c.want {
			t.Errorf("%v ago: %q, want %q", c.ago, got, c.want)
		}
	}
	if got := Relative(time.Time{}, now); got != "never" {
		t.Errorf("the zero time: %q", got)
	}
	if got := Relative(now.In(time.FixedZone("UTC+5", 5*3600)), now); got != "just now" {
		t.Errorf("another zone: %q", got)
	}
}

func TestSentence(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		phrases, sentences []string
		want               string
	}{
		{nil, nil, "Can do nothing yet."},
		{[]string{"create leads"}, nil, "Can create leads. Can read nothing."},
		{[]string{"read leads"}, nil, "Can read leads."},
		{[]string{"readdress mail"}, nil, "Can readdress mail. Can read nothing."},
		{[]string{"create leads", "read leads"}, []string{"Ends 21 Feb 2027."}, "Can create leads and read leads. Ends 21 Feb 2027."},
		{[]string{"a", "b", "read c"}, nil, "Can a, b and read c."},
		{[]string{"do everything"}, nil, "Can do everything."},
		{[]string{"create,change|leads"}, nil, "Can create and change leads. Can read nothing."},
		{[]string{"read|leads", "create,change|leads"}, nil, "Can read, create and change leads."},
		{[]string{"read|leads", "read|entities", "read|events"}, nil, "Can read leads, entities and events."},
		{[]string{"read|leads", "create,change|leads", "read|entities"}, nil, "Can read, create and change leads, and read entities."},
		{[]string{"read|a", "read|b", "create,change|c", "delete|c", "export|d"}, nil, "Can read a and b; create, change and delete c; and export d."},
		{[]string{"read|a|b, c"}, nil, "Can read a|b, c."},
	} {
		if got := Sentence(c.phrases, c.sentences); got != c.want {
			t.Errorf("%v %v: %q, want %q", c.phrases, c.sentences, got, c.want)
		}
	}
}

func TestCountAndCompact(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		n              int
		count, compact string
	}{
		{0, "0", "0"},
		{999, "999", "999"},
		{1000, "1,000", "1k"},
		{1250, "1,250", "1.2k"},
		{99_999, "99,999", "99k"},
		{999_999, "999,999", "999k"},
		{1_234_567, "1,234,567", "1.2M"},
		{-1500, "-1,500", "-1.5k"},
		{math.MaxInt, "9,223,372,036,854,775,807", "9.2E"},
	} {
		if got := Count(c.n); got != c.count {
			t.Errorf("Count(%d) = %q, want %q", c.n, got, c.count)
		}
		if got := Compact(c.n); got != c.compact {
			t.Errorf("Compact(%d) = %q, want %q", c.n, got, c.compact)
		}
	}
}

func TestMaskShowsTheLastFourOfALongKeyOnly(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"lf_live_2mB4xT7qPz9KcV1sWd8L9f3Q": "lf_live_…9f3Q",
		"lf_test_12345678":                 "lf_test_…",
		"short":                            "…",
		"":                                 "…",
	} {
		if got := Mask(key); got != want {
			t.Errorf("Mask(%q) = %q, want %q", key, got, want)
		}
	}
	if head, tail := keyHead("lf_live_…9f3Q"), keyTail("lf_live_…9f3Q"); head != "lf_live_…" || tail != "9f3Q" {
		t.Errorf("%q %q", head, tail)
	}
	if head, tail := keyHead("lf_live"), keyTail("lf_live"); head != "lf_live" || tail != "" {
		t.Errorf("%q %q", head, tail)
	}
}

func TestSortColumn(t *testing.T) {
	t.Parallel()
	q := url.Values{"q": {"web form"}, "after": {"cursor"}, "sort": {"name"}}
	for _, c := range []struct {
		key, current, sort, href string
	}{
		{"name", "name", "ascending", "/keys?q=web+form&sort=-name"},
		{"name", "-name", "descending", "/keys?q=web+form&sort=name"},
		{"used", "name", "", "/keys?q=web+form&sort=used"},
		{"name", "", "", "/keys?q=web+form&sort=name"},
	} {
		got := SortColumn("Name", c.key, c.current, "/keys", q)
		if got.Sort != c.sort || got.Href != c.href {
			t.Errorf("%s while sorted by %q: %q %q", c.key, c.current, got.Sort, got.Href)
		}
	}
	if q.Get("sort") != "name" || q.Get("after") != "cursor" {
		t.Error("the caller's query was changed")
	}
}

func TestShell(t *testing.T) {
	t.Parallel()
	s := Shell{Title: "Keys", Environment: Environment{Name: "Staging", Test: true}}
	if got := s.DocumentTitle(); got != "[Staging] Keys · Leadflip" {
		t.Error(got)
	}
	s.Environment.Test = false
	if got := s.DocumentTitle(); got != "Keys · Leadflip" {
		t.Error(got)
	}
	for stream, want := range map[string]string{"/events": "/events/poll", "/events?env=1": "/events/poll?env=1"} {
		if got := pollURL(stream); got != want {
			t.Errorf("pollURL(%q) = %q", stream, got)
		}
	}
	if initial("") != "?" || initial("Ärzte") != "Ä" {
		t.Error("the monogram is not the first letter")
	}
}

func TestFieldsDescribeWhatExists(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ help, err, want string }{
		{"", "", ""}, {"h", "", "x-help"}, {"", "e", "x-error"}, {"h", "e", "x-error x-help"},
	} {
		if got := describedBy("x", c.help, c.err); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
	a := Field{Name: "x", Error: "e", Required: true, MaxLength: 5}.attrs()
	if a["aria-invalid"] != "true" || a["required"] != true || a["maxlength"] != "5" || a["id"] != "x" {
		t.Errorf("%v", a)
	}
	if _, ok := a["disabled"]; ok {
		t.Error("a field is disabled without being told so")
	}
	groups := groupOptions([]Option{{Label: "a"}, {Label: "b", Group: "g"}, {Label: "c", Group: "g"}, {Label: "d"}})
	if len(groups) != 3 || len(groups[1].options) != 2 {
		t.Errorf("%v", groups)
	}
}
