package lead

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/errs"
)

// Item is one name of a flat body with its value, as it was sent.
type Item struct {
	Name     string
	Value    jsontext.Value  // JSON; a form's value is a text, or a list when Repeated
	Repeated bool            // a form sent the name more than once
	File     *entity.RawFile // a part of a multipart body that is a file; then there is no Value

	loose string // Loose(Name)
}

// The media types of a flat body.
const (
	mediaJSON      = "application/json"
	mediaForm      = "application/x-www-form-urlencoded"
	mediaMultipart = "multipart/form-data"
)

// ParseBody reads a flat body of one of the three media types. A body that cannot be
// read is refused as a whole.
func ParseBody(contentType string, body []byte) ([]Item, error) {
	media, params, err := mime.ParseMediaType(contentType)
	if contentType == "" {
		media, err = mediaJSON, nil
	}
	if err != nil {
		return nil, errs.New(errs.UnsupportedMediaType, "The Content-Type header cannot be read. Send Content-Type: application/json.").Because(err)
	}
	if charset := strings.ToLower(params["charset"]); charset != "" && charset != "utf-8" && charset != "us-ascii" {
		return nil, errs.New(errs.UnsupportedMediaType, "Bodies are read as UTF-8 only. Encode the body as UTF-8.")
	}
	var items []Item
	switch media {
	case mediaJSON:
		items, err = parseJSON(body)
	case mediaForm:
		items, err = parseForm(body)
	case mediaMultipart:
		items, err = parseMultipart(body, params["boundary"])
	default:
		return nil, errs.New(errs.UnsupportedMediaType, "Send Content-Type: application/json, application/x-www-form-urlencoded or multipart/form-data.")
	}
	if err != nil {
		return nil, err
	}
	if len(items) > MaxNames {
		return nil, errs.New(errs.ValidationFailed, "The body has %d names; send at most %d.", len(items), MaxNames)
	}
	for i := range items {
		items[i].loose = entity.Loose(items[i].Name)
	}
	return items, nil
}

// parseForm reads name=value pairs, in the order sent.
func parseForm(body []byte) ([]Item, error) {
	if first := bytes.TrimLeft(body, " \t\r\n"); len(first) > 0 && first[0] == '{' {
		// No form encodes a brace like this, but curl -d sends JSON under this name.
		return nil, errs.New(errs.InvalidForm, "The body looks like JSON, but its Content-Type says form. Send Content-Type: application/json.")
	}
	f := &formItems{}
	for pair := range strings.SplitSeq(string(body), "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err1 := url.QueryUnescape(name)
		value, err2 := url.QueryUnescape(value)
		if err := errors.Join(err1, err2); err != nil {
			return nil, errs.New(errs.InvalidForm, "The form body has a broken escape: a %% that no two hexadecimal digits follow.").Because(err)
		}
		if err := f.add(name, value); err != nil {
			return nil, err
		}
	}
	return f.items, nil
}

// raw is the item as a field reads it.
func (it *Item) raw() entity.Raw {
	if it.File != nil {
		return entity.Raw{Kind: entity.RawUpload, File: *it.File}
	}
	return rawOf(it.Value)
}

// parseMultipart reads the values and files of a multipart form.
func parseMultipart(body []byte, boundary string) ([]Item, error) {
	if boundary == "" {
		return nil, errs.New(errs.InvalidForm, "The Content-Type multipart/form-data needs its boundary; let your HTTP client set the header.")
	}
	r := multipart.NewReader(bytes.NewReader(body), boundary)
	f := &formItems{}
	for {
		part, err := r.NextPart()
		if errors.Is(err, io.EOF) && bytes.Contains(body, []byte("--"+boundary)) {
			break
		}
		var value []byte
		if err == nil {
			value, err = io.ReadAll(part)
		}
		if err != nil {
			return nil, errs.New(errs.InvalidForm, "The multipart body cannot be read; it is cut off or its boundary is wrong.").Because(err)
		}
		if part.FileName() != "" {
			if err := f.addFile(part.FormName(), part.FileName(), value); err != nil {
				return nil, err
			}
			continue
		}
		if err := f.add(part.FormName(), string(value)); err != nil {
			return nil, err
		}
	}
	return f.items, nil
}

// formItems gathers the values of a form, several of one name as a list.
type formItems struct {
	items []Item
	place map[string]int
}

func (f *formItems) add(name, value string) error {
	if !utf8.ValidString(name) || !utf8.ValidString(value) {
		return errs.New(errs.InvalidForm, "The form body is not valid UTF-8. Encode it as UTF-8.")
	}
	if strings.IndexByte(name, 0) >= 0 || strings.IndexByte(value, 0) >= 0 {
		return errs.New(errs.InvalidForm, "The form body has a NUL character, which cannot be stored.")
	}
	// Many form libraries write name[] for a list.
	list := strings.HasSuffix(name, "[]")
	name = strings.TrimSuffix(name, "[]")
	quoted := quote(value)
	i, seen := f.place[name]
	switch {
	case seen && f.items[i].File != nil:
		return errs.Invalid(errs.Field{Pointer: pointer(name), Code: "sent_twice", Detail: "A file is sent under this name, and something else too; a field takes one file."})
	case seen:
		it := &f.items[i]
		if it.Value[0] == '[' {
			it.Value = append(it.Value[:len(it.Value)-1], ',')
		} else {
			it.Value = append(append(jsontext.Value{'['}, it.Value...), ',')
		}
		it.Value = append(append(it.Value, quoted...), ']')
		it.Repeated = true
	case list:
		f.put(Item{Name: name, Value: append(append(jsontext.Value{'['}, quoted...), ']')})
	default:
		f.put(Item{Name: name, Value: quoted})
	}
	return nil
}

func (f *formItems) addFile(name, fileName string, content []byte) error {
	if !utf8.ValidString(name) || strings.IndexByte(name, 0) >= 0 {
		return errs.New(errs.InvalidForm, "The form body has a name that is not valid UTF-8 text without NUL characters.")
	}
	if _, seen := f.place[name]; seen {
		return errs.Invalid(errs.Field{Pointer: pointer(name), Code: "sent_twice", Detail: "A file is sent under this name, and something else too; a field takes one file."})
	}
	f.put(Item{Name: name, Value: jsontext.Value("null"), File: &entity.RawFile{Name: fileName, Content: content}})
	return nil
}

func (f *formItems) put(it Item) {
	if f.place == nil {
		f.place = map[string]int{}
	}
	f.place[it.Name] = len(f.items)
	f.items = append(f.items, it)
}

// quote makes a JSON text. s is valid UTF-8.
func quote(s string) jsontext.Value {
	b, err := jsontext.AppendQuote(nil, s)
	if err != nil { // cannot happen with valid UTF-8
		return jsontext.Value(`""`)
	}
	return b
}

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

// pointer is the JSON Pointer (RFC 6901) of a name at the top of the body.
func pointer(name string) string { return "/" + pointerEscapes.Replace(name) }
