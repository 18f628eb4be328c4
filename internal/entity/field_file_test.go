package entity

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/leadflip/leadflip/internal/platform/id"
)

const (
	pdf = "%PDF-1.7\n"
	png = "\x89PNG\r\n\x1a\n"
)

func upload(name, content string) Raw {
	return Raw{Kind: RawUpload, File: RawFile{Name: name, Content: []byte(content)}}
}

func zipped(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	if _, err := w.Create("x"); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	return b.String()
}

func encoded(content string) string { return base64.StdEncoding.EncodeToString([]byte(content)) }

func TestFile(t *testing.T) {
	t.Parallel()
	f := Field{Type: File}
	small := Field{Type: File, MaxSize: 10}
	images := Field{Type: File, Types: []string{"application/pdf", "image/*"}}
	want := func(name, content, typ string) FileValue {
		return FileValue{Name: name, Size: int64(len(content)), Type: typ, Content: []byte(content)}
	}
	office, ole := zipped(t), string(oleMagic)+"rest"
	for _, c := range []fieldCase{
		{name: "from a form", field: f, raw: upload("offer.pdf", pdf), want: want("offer.pdf", pdf, "application/pdf"), show: "offer.pdf"},
		{name: "base64", field: f, raw: parts("name", "offer.pdf", "content", encoded(pdf)), want: want("offer.pdf", pdf, "application/pdf")},
		{name: "names of members matched loosely", field: f, raw: parts("Name", "offer.pdf", "CONTENT", encoded(pdf)), want: want("offer.pdf", pdf, "application/pdf")},
		{name: "without a name", field: f, raw: parts("content", encoded(pdf)), want: want("file", pdf, "application/pdf")},
		{name: "the name does not decide", field: f, raw: upload("photo.png", pdf), want: want("photo.png", pdf, "application/pdf")},
		{name: "a page is a page", field: f, raw: upload("photo.png", "<html>x"), want: want("photo.png", "<html>x", "text/html")},
		{name: "the sender's type does not decide", field: f, raw: parts("name", "a", "type", "image/png", "size", "7", "content", encoded("plain")), want: want("a", "plain", "text/plain")},
		{name: "word", field: f, raw: upload("a.DOCX", office), want: want("a.DOCX", office, zipTypes[".docx"])},
		{name: "excel", field: f, raw: upload("a.xlsx", office), want: want("a.xlsx", office, zipTypes[".xlsx"])},
		{name: "an archive", field: f, raw: upload("a.zip", office), want: want("a.zip", office, "application/zip")},
		{name: "old word", field: f, raw: upload("a.doc", ole), want: want("a.doc", ole, "application/msword")},
		{name: "word by name alone", field: f, raw: upload("a.docx", "MZ\x00"), want: want("a.docx", "MZ\x00", "application/octet-stream")},
		{name: "csv", field: f, raw: upload("a.csv", "a;b\n"), want: want("a.csv", "a;b\n", "text/csv")},
		{name: "json", field: f, raw: upload("a.json", "{}"), want: want("a.json", "{}", "application/json")},
		{name: "not json", field: f, raw: upload("a.json", "{"), want: want("a.json", "{", "text/plain")},
		{name: "path of Unix", field: f, raw: upload("../../etc/passwd", "x"), want: want("passwd", "x", "text/plain")},
		{name: "path of Windows", field: f, raw: upload(`C:\Users\ada\offer.pdf`, pdf), want: want("offer.pdf", pdf, "application/pdf")},
		{name: "control characters", field: f, raw: upload("a\r\nb\x00\t.pdf", pdf), want: want("a  b .pdf", pdf, "application/pdf")},
		{name: "direction of writing", field: f, raw: upload("cod\u202egpj.exe", "x"), want: want("codgpj.exe", "x", "text/plain")},
		{name: "letters of the world", field: f, raw: upload("Angebot für Zoë 👩\u200d🚀.pdf", pdf), want: want("Angebot für Zoë 👩\u200d🚀.pdf", pdf, "application/pdf")},
		{name: "bad UTF-8 in the name", field: f, raw: upload("a\xff.pdf", pdf), want: want("a_.pdf", pdf, "application/pdf")},
		{name: "dots alone", field: f, raw: upload("..", "x"), want: want("file", "x", "text/plain")},
		{name: "long name", field: f, raw: upload(strings.Repeat("ü", 300)+".pdf", pdf), want: want(strings.Repeat("ü", 196)+".pdf", pdf, "application/pdf")},
		{name: "no choice in a form", field: f, raw: upload("", ""), want: nil},
		{name: "largest", field: small, raw: upload("a", "0123456789"), want: want("a", "0123456789", "text/plain")},
		{name: "too large", field: small, raw: upload("a", "0123456789x"), code: "too_large", detail: "at most 10 bytes"},
		{name: "too large for all", field: f, raw: upload("a", strings.Repeat("x", 1<<20+1)), code: "too_large", detail: "1048576"},
		{name: "too large in base64", field: f, raw: parts("content", encoded(strings.Repeat("x", 1<<20+1))), code: "too_large", detail: "1048576"},
		{name: "listed type", field: images, raw: upload("a", png), want: want("a", png, "image/png")},
		{name: "type that is not listed", field: images, raw: upload("a.png", "<html>"), code: "file_type", detail: "Send one of: application/pdf, image/*."},
		{name: "empty", field: f, raw: upload("a.txt", ""), code: "empty_file", detail: "empty"},
		{name: "empty base64", field: f, raw: parts("name", "a.txt", "content", ""), code: "empty_file"},
		{name: "not base64", field: f, raw: parts("content", "%%%%"), code: "invalid_base64", detail: "RFC 4648"},
		{name: "data URL", field: f, raw: parts("content", "data:text/plain;base64,eA=="), code: "invalid_base64", detail: "no data: in front"},
		{name: "no content", field: f, raw: parts("name", "a.pdf"), code: "no_content", detail: "base64"},
		{name: "empty object", field: f, raw: object, code: "no_content"},
		{name: "unknown member", field: f, raw: parts("url", "https://example.com/a.pdf"), code: "unknown_part", detail: "Send name and content"},
		{name: "new content under an old id", field: f, raw: parts("id", id.New().String(), "content", encoded(pdf)), code: "invalid_file", detail: "leave it out"},
		{name: "an id that is none", field: f, raw: parts("id", "7"), code: "invalid_file"},
		{name: "content that is a number", field: f, raw: Raw{Kind: RawObject, Members: []Member{{"content", number("1")}}}, code: "wrong_type"},
		{name: "plain text", field: f, raw: text("JVBERi0="), code: "wrong_type", detail: "multipart/form-data"},
		{name: "bool", field: f, raw: yes, code: "wrong_type"},
	} {
		t.Run(c.name, c.run)
	}
}

func TestAStoredFileCanBeSentBack(t *testing.T) {
	t.Parallel()
	f := Field{Type: File}
	v := FileValue{ID: id.New(), Name: "offer.pdf", Size: 1234, Type: "application/pdf"}
	wire, err := json.Marshal(f.Wire(v))
	if err != nil || string(wire) != fmt.Sprintf(`{"id":"%s","name":"offer.pdf","size":1234,"type":"application/pdf"}`, v.ID) {
		t.Fatalf("%s, %v", wire, err)
	}
	var stored any
	if err := json.Unmarshal(wire, &stored); err != nil || !Same(ValueFromJSON(stored), v) {
		t.Errorf("storage: %#v", ValueFromJSON(stored))
	}
	back, p := f.Parse(rawFromJSON(wire))
	if p != nil || !Same(back, v) || !back.(FileValue).Kept() {
		t.Errorf("%#v, %v", back, p)
	}
	if fresh, _ := f.Parse(upload("a", "x")); fresh.(FileValue).Kept() {
		t.Error("a new file is taken for a stored one")
	}
}

func TestFileNamesAreSafe(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		sent := rapid.OneOf(rapid.String(), rapid.StringMatching(`[./\\ a-z\x00-\x1f]{0,300}`)).Draw(t, "name")
		name := cleanFileName(sent)
		if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\\\x00\r\n") || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
			t.Fatalf("%q became %q", sent, name)
		}
		if again := cleanFileName(name); again != name {
			t.Fatalf("%q became %q and then %q", sent, name, again)
		}
		if utf8.RuneCountInString(name) > fileNameMax {
			t.Fatalf("%q is too long", name)
		}
	})
}
