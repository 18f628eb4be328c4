package entity

import (
	"encoding/base64"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/leadflip/leadflip/internal/platform/id"
)

const (
	// fileMax is the limit of a file whose field has none of its own, and the most that a
	// field can allow: the size of a request.
	fileMax     = 1 << 20
	fileNameMax = 200 // characters
	fileTypes   = 50
)

// fileKind is one file: sent by a form, or in JSON as its name and its content in
// base64. What kind of file it is says its content, never the sender; the name loses
// folders and characters that cannot be seen. The value holds what people and programs
// need to know of the file; whoever stores the value stores the content and gives it an
// id.
type fileKind struct{}

// FileValue is the value of a file field.
type FileValue struct {
	ID      id.ID  `json:"id,omitzero"` // of the stored content; none until it is stored
	Name    string `json:"name"`
	Size    int64  `json:"size"` // bytes
	Type    string `json:"type"` // media type
	Content []byte `json:"-"`    // of a file that has just been sent
}

// Kept tells that the value names a file which is stored already: somebody sent back
// what an answer told. Whoever stores values has to check that it is the same file.
func (v FileValue) Kept() bool { return !v.ID.IsNil() && v.Content == nil }

func (fileKind) parse(f *Field, raw Raw) (Value, *Problem) {
	switch raw.Kind {
	case RawUpload:
		return f.file(raw.File.Name, raw.File.Content)
	case RawObject:
		return f.fileFromObject(raw.Members)
	}
	return nil, problem("wrong_type", `Send the file as a part of a multipart/form-data body, or as an object with its name and its content in base64: {"name": "offer.pdf", "content": "JVBERi0…"}.`)
}

func (f *Field) fileFromObject(members []Member) (Value, *Problem) {
	var v FileValue
	var content *string
	for _, m := range members {
		name := partNamed([]string{"id", "name", "size", "type", "content"}, m.Name)
		if name == "" {
			return nil, problem("unknown_part", "One of the names in this object means nothing for a file. Send name and content.")
		}
		if m.Raw.Kind != RawText && (m.Raw.Kind != RawNumber || name != "size") {
			return nil, &Problem{Code: "wrong_type", Detail: "Send this as a text.", Part: name}
		}
		text, p := textOf(m.Raw, "this")
		if p != nil {
			p.Part = name
			return nil, p
		}
		var err error
		switch name {
		case "id":
			v.ID, err = id.Parse(text)
		case "name":
			v.Name = text
		case "size":
			v.Size, err = strconv.ParseInt(text, 10, 64)
		case "type":
			v.Type = text
		case "content":
			content = &text
		}
		if err != nil {
			return nil, &Problem{Code: "invalid_file", Detail: "This is not what an answer tells of a stored file. To send a new one, send name and content.", Part: name}
		}
	}
	if content == nil {
		if v.ID.IsNil() || v.Name == "" || v.Name != cleanFileName(v.Name) || v.Size < 1 || !mediaType.MatchString(v.Type) {
			return nil, &Problem{Code: "no_content", Detail: "Send the content of the file in base64.", Part: "content"}
		}
		return v, nil
	}
	if !v.ID.IsNil() {
		return nil, &Problem{Code: "invalid_file", Detail: "A new file gets its id here; leave it out.", Part: "id"}
	}
	if base64.StdEncoding.DecodedLen(len(*content)) > fileMax+2 {
		return nil, f.fileTooLarge()
	}
	decoded, err := base64.StdEncoding.DecodeString(*content)
	if err != nil {
		return nil, &Problem{Code: "invalid_base64", Detail: "The content is not base64 (RFC 4648, with its padding). Send nothing else with it, no data: in front.", Part: "content"}
	}
	return f.file(v.Name, decoded)
}

// file judges a file by its content and its cleaned name.
func (f *Field) file(name string, content []byte) (Value, *Problem) {
	if len(content) == 0 {
		return nil, problem("empty_file", "This file is empty; send one that has something in it.")
	}
	if len(content) > lengthOr(f.MaxSize, fileMax) {
		return nil, f.fileTooLarge()
	}
	v := FileValue{Name: cleanFileName(name), Size: int64(len(content)), Content: content}
	v.Type = sniff(v.Name, content)
	if len(f.Types) > 0 && !slices.ContainsFunc(f.Types, func(t string) bool { return typeMatches(t, v.Type) }) {
		return nil, problem("file_type", "This kind of file is not taken here. Send one of: "+strings.Join(f.Types, ", ")+".")
	}
	return v, nil
}

func (f *Field) fileTooLarge() *Problem {
	return problem("too_large", "This file is too large; it may have at most "+strconv.Itoa(lengthOr(f.MaxSize, fileMax))+" bytes.")
}

// typeMatches tells whether a media type is the allowed one, or of its kind: image/*.
func typeMatches(allowed, t string) bool {
	if kind, ok := strings.CutSuffix(allowed, "*"); ok {
		return strings.HasPrefix(t, kind)
	}
	return allowed == t
}

// cleanFileName is the last part of a path without characters that cannot be seen or
// that turn the direction of writing around.
func cleanFileName(name string) string {
	name = strings.ToValidUTF8(name, "_")
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r) && r != '\u200d': // a joined emoji needs it
			return -1
		}
		return r
	}, name)
	name = strings.Trim(name, " .")
	if runes := []rune(name); len(runes) > fileNameMax {
		end := []rune(extension(name))
		if len(end) > 20 {
			end = nil
		}
		name = strings.TrimRight(string(runes[:fileNameMax-len(end)]), " .") + string(end)
	}
	if name == "" {
		return "file"
	}
	return name
}

// extension is what a name ends with, with its dot.
func extension(name string) string {
	if dot := strings.LastIndexByte(name, '.'); dot > 0 {
		return name[dot:]
	}
	return ""
}

func fileFromJSON(stored map[string]any) Value {
	var v FileValue
	if s, ok := stored["id"].(string); ok {
		v.ID, _ = id.Parse(s) // what was stored is an id
	}
	v.Name, _ = stored["name"].(string)
	v.Type, _ = stored["type"].(string)
	if size, ok := stored["size"].(float64); ok {
		v.Size = int64(size)
	}
	return v
}

func (fileKind) wire(v Value) any {
	file, ok := v.(FileValue)
	if !ok {
		return nil
	}
	return file
}

func (fileKind) text(_ *Field, v Value) string {
	file, _ := v.(FileValue)
	return file.Name
}

func (fileKind) search(*Field, Value) string { return "" }

func (fileKind) parts() []string { return []string{"name", "size", "type"} }

func (fileKind) part(v Value, name string) string {
	file, ok := v.(FileValue)
	if !ok {
		return ""
	}
	switch name {
	case "name":
		return file.Name
	case "size":
		return strconv.FormatInt(file.Size, 10)
	case "type":
		return file.Type
	}
	return ""
}

var (
	mediaType        = regexp.MustCompile(`^[a-z]+/[a-z0-9][a-z0-9.+-]*$`)
	mediaTypePattern = regexp.MustCompile(`^[a-z]+/(\*|[a-z0-9][a-z0-9.+-]*)$`)
)

func (fileKind) check(f *Field) (string, string) {
	switch {
	case f.MaxSize < 0 || f.MaxSize > fileMax:
		return "max_size", "The greatest size of a file is between 1 and " + strconv.Itoa(fileMax) + " bytes."
	case len(f.Types) > fileTypes:
		return "types", "At most " + strconv.Itoa(fileTypes) + " types of file can be listed."
	case slices.ContainsFunc(f.Types, func(t string) bool { return !mediaTypePattern.MatchString(t) || len(t) > 100 }):
		return "types", "The types are media types in small letters, for example application/pdf or image/*."
	case f.Default != nil:
		return "default", "A file has no default."
	case f.Encrypted:
		return "encrypted", "The content of files is not encrypted, so a file field cannot be."
	}
	return "", ""
}
