package lead

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/leadflip/leadflip/internal/platform/errs"
)

func show(items []Item) []string {
	var out []string
	for _, it := range items {
		s := it.Name + " " + it.Value.String()
		if it.Repeated {
			s += " repeated"
		}
		if it.File != nil {
			s += fmt.Sprintf(" %s %q", it.File.Name, it.File.Content)
		}
		out = append(out, s)
	}
	return out
}

const boundary = "multipart/form-data; boundary=XX"

func part(disposition, value string) string {
	return "--XX\r\nContent-Disposition: form-data; " + disposition + "\r\n\r\n" + value + "\r\n"
}

func TestParseBody(t *testing.T) {
	t.Parallel()
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for _, c := range []struct {
		name, contentType, body string
		want                    []string
		code                    errs.Code
		detail                  string
	}{
		{name: "JSON", contentType: "application/json", body: ` {"a": "x", "b":1.50,"c":null , "d":[1, 2],"e":{"f":true}} `,
			want: []string{`a "x"`, `b 1.50`, `c null`, `d [1, 2]`, `e {"f":true}`}},
		{name: "no content type is JSON", body: `{"a":1}`, want: []string{`a 1`}},
		{name: "charset", contentType: "application/json; charset=UTF-8", body: `{}`},
		{name: "other charset", contentType: "application/json; charset=iso-8859-1", body: `{}`, code: errs.UnsupportedMediaType, detail: "UTF-8"},
		{name: "other type", contentType: "text/plain", body: `{}`, code: errs.UnsupportedMediaType, detail: "application/json"},
		{name: "broken type", contentType: "application/", body: `{}`, code: errs.UnsupportedMediaType},
		{name: "escapes in names", contentType: "application/json", body: `{"\u0061":"\ud83d\ude00"}`, want: []string{`a "\ud83d\ude00"`}},
		{name: "many digits", contentType: "application/json", body: `{"a":12345678901234567890.10e0}`, want: []string{`a 12345678901234567890.10e0`}},
		{name: "empty body", contentType: "application/json", code: errs.InvalidJSON, detail: "empty or ends too early"},
		{name: "cut off", contentType: "application/json", body: `{"a":1`, code: errs.InvalidJSON, detail: "ends too early"},
		{name: "not JSON", contentType: "application/json", body: "{\n  \"a\": x}", code: errs.InvalidJSON, detail: "line 2, column 8"},
		{name: "trailing comma", contentType: "application/json", body: `{"a":1,}`, code: errs.InvalidJSON},
		{name: "behind it", contentType: "application/json", body: `{"a":1} {}`, code: errs.InvalidJSON, detail: "behind"},
		{name: "duplicate", contentType: "application/json", body: `{"a":1,"\u0061":2}`, code: errs.InvalidJSON, detail: "twice"},
		{name: "duplicate deep inside", contentType: "application/json", body: `{"a":[{"b":1,"b":2}]}`, code: errs.InvalidJSON, detail: "twice"},
		{name: "bad UTF-8", contentType: "application/json", body: "{\"a\":\"\xff\"}", code: errs.InvalidJSON},
		{name: "half a pair", contentType: "application/json", body: `{"a":"\ud800"}`, code: errs.InvalidJSON},
		{name: "NUL", contentType: "application/json", body: `{"a":"x\u0000"}`, code: errs.InvalidJSON, detail: "NUL"},
		{name: "NUL deep inside", contentType: "application/json", body: `{"a":[{"x\u0000":1}]}`, code: errs.InvalidJSON, detail: "NUL"},
		{name: "NUL in a name", contentType: "application/json", body: `{"x\u0000":1}`, code: errs.InvalidJSON, detail: "NUL"},
		{name: "not quite NUL", contentType: "application/json", body: `{"a":"\\u0000"}`, want: []string{`a "\\u0000"`}},
		{name: "64 levels", contentType: "application/json", body: `{"a":` + deep(63) + `}`, want: []string{"a " + deep(63)}},
		{name: "65 levels", contentType: "application/json", body: `{"a":` + deep(64) + `}`, code: errs.InvalidJSON, detail: "64 levels"},
		{name: "thousands of levels", contentType: "application/json", body: `{"a":` + deep(20000) + `}`, code: errs.InvalidJSON},
		{name: "a list", contentType: "application/json", body: `[{"entity":"leads"}]`, code: errs.ValidationFailed, detail: "one JSON object"},
		{name: "a text", contentType: "application/json", body: `"x"`, code: errs.ValidationFailed, detail: "one JSON object"},
		{name: "a number without end", contentType: "application/json", body: `[1`, code: errs.InvalidJSON},

		{name: "form", contentType: "application/x-www-form-urlencoded", body: "a=x+y&b=%C3%BC%26&c&=d&&a%3Db=1", want: []string{`a "x y"`, `b "ü&"`, `c ""`, ` "d"`, `a=b "1"`}},
		{name: "form, several", contentType: "application/x-www-form-urlencoded", body: "a=1&b=2&a=3&a=%22", want: []string{`a ["1","3","\""] repeated`, `b "2"`}},
		{name: "form, brackets", contentType: "application/x-www-form-urlencoded", body: "a%5B%5D=1&b[]=2&b[]=3", want: []string{`a ["1"]`, `b ["2","3"] repeated`}},
		{name: "form, empty", contentType: "application/x-www-form-urlencoded"},
		{name: "form, broken escape", contentType: "application/x-www-form-urlencoded", body: "a=%zz", code: errs.InvalidForm, detail: "escape"},
		{name: "form, bad UTF-8", contentType: "application/x-www-form-urlencoded", body: "a=%ff", code: errs.InvalidForm, detail: "UTF-8"},
		{name: "form, NUL", contentType: "application/x-www-form-urlencoded", body: "a%00=1", code: errs.InvalidForm, detail: "NUL"},
		{name: "JSON called a form", contentType: "application/x-www-form-urlencoded", body: ` {"entity":"leads"}`, code: errs.InvalidForm, detail: "looks like JSON"},

		{name: "multipart", contentType: boundary, body: part(`name="a"`, "x\r\ny") + part(`name="b"`, "1") + part(`name="b"`, "2") + "--XX--\r\n",
			want: []string{`a "x\r\ny"`, `b ["1","2"] repeated`}},
		{name: "multipart, file", contentType: boundary, body: part(`name="cv"; filename="cv.pdf"`, "%PDF") + "--XX--\r\n", want: []string{`cv null cv.pdf "%PDF"`}},
		{name: "multipart, cut off", contentType: boundary, body: part(`name="a"`, "x"), code: errs.InvalidForm, detail: "cut off"},
		{name: "multipart, wrong boundary", contentType: "multipart/form-data; boundary=YY", body: part(`name="a"`, "x") + "--XX--\r\n", code: errs.InvalidForm},
		{name: "multipart, no boundary", contentType: "multipart/form-data", body: "x", code: errs.InvalidForm, detail: "boundary"},
		{name: "multipart, bad UTF-8", contentType: boundary, body: part(`name="a"`, "\xff") + "--XX--\r\n", code: errs.InvalidForm, detail: "UTF-8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			items, err := ParseBody(c.contentType, []byte(c.body))
			if c.code == "" {
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(c.want, show(items)); d != "" {
					t.Errorf("items (-want +got):\n%s", d)
				}
				return
			}
			if errs.CodeOf(err) != c.code || !strings.Contains(errs.As(err).Detail, c.detail) {
				t.Errorf("got %v, want %s with %q", err, c.code, c.detail)
			}
		})
	}
}

func TestAFileAndSomethingElseUnderOneName(t *testing.T) {
	t.Parallel()
	file, text := part(`name="a/b~c"; filename="x"`, "x"), part(`name="a/b~c"`, "x")
	for _, body := range []string{file + text, text + file, file + file} {
		_, err := ParseBody(boundary, []byte(body+"--XX--\r\n"))
		if f := errs.As(err).Fields; len(f) != 1 || f[0].Pointer != "/a~1b~0c" || f[0].Code != "sent_twice" {
			t.Errorf("%v %+v", err, f)
		}
	}
}

func TestNamesAreCounted(t *testing.T) {
	t.Parallel()
	body := func(n int) []byte {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "n%d=x&", i)
		}
		return []byte(b.String())
	}
	if items, err := ParseBody(mediaForm, body(MaxNames)); err != nil || len(items) != MaxNames {
		t.Errorf("%d items, %v", len(items), err)
	}
	if _, err := ParseBody(mediaForm, body(MaxNames+1)); errs.CodeOf(err) != errs.ValidationFailed {
		t.Errorf("got %v", err)
	}
}
