package lead

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/errs"
)

// controls are the names of a flat body that mean something by themselves. They win
// over fields of the same name.
type controls struct {
	entity   *Item
	source   string
	notes    []NewNote
	mode     DedupMode
	moded    bool // the body names the mode
	assignee *memberRef
	viewers  []memberRef
	statuses []pipelineStatus // as sent; the entity says what they mean
	rest     []*Item          // fields, and what nobody knows
	wrong    problems
}

// memberRef is a member as a body names one.
type memberRef struct {
	pointer string
	ref     string // UUID or e-mail address
}

// pipelineStatus is a status:<pipeline> item.
type pipelineStatus struct {
	pointer, name string
	pipeline      string
	value         jsontext.Value
}

// problems gathers what is wrong with a body.
type problems []errs.Field

func (p *problems) add(pointer, code, detail string) {
	*p = append(*p, errs.Field{Pointer: pointer, Code: code, Detail: detail})
}

// readControls sorts the items of a body into controls and the rest.
func readControls(items []Item, defaultSource string) *controls {
	c := &controls{source: defaultSource, mode: DedupSkip}
	seen := map[string]string{}
	for i := range items {
		it := &items[i]
		control := it.loose
		if before, _, ok := strings.Cut(it.Name, ":"); ok && entity.Loose(before) == "status" {
			_, pipeline, _ := strings.Cut(it.Name, ":")
			c.statuses = append(c.statuses, pipelineStatus{pointer(it.Name), it.Name, pipeline, it.Value})
			continue
		}
		if control == "leadobject" {
			control = "entity"
		}
		read := controlReaders[control]
		if read == nil {
			c.rest = append(c.rest, it)
			continue
		}
		if other, twice := seen[control]; twice {
			c.wrong.add(pointer(it.Name), "sent_twice", "This means the same as "+strconv.Quote(other)+", which was sent too; send one of them.")
			continue
		}
		seen[control] = it.Name
		read(c, it)
	}
	if len(c.notes) > MaxNotes {
		c.wrong.add("/notes", "too_many", "Send at most "+strconv.Itoa(MaxNotes)+" notes with a lead.")
	}
	return c
}

var controlReaders = map[string]func(*controls, *Item){
	"entity":    (*controls).readEntity,
	"source":    (*controls).readSource,
	"note":      (*controls).readNotes,
	"notes":     (*controls).readNotes,
	"dedupmode": (*controls).readDedupMode,
	"assignee":  (*controls).readAssignee,
	"viewers":   (*controls).readViewers,
}

func (c *controls) readEntity(it *Item) { c.entity = it }

func (c *controls) readSource(it *Item) {
	raw := rawOf(it.Value)
	if empty(raw) {
		return
	}
	source := strings.TrimSpace(raw.Text)
	switch {
	case raw.Kind != entity.RawText:
		c.wrong.add(pointer(it.Name), "wrong_type", "Send the source as a text, for example \"website\".")
	case strings.ContainsFunc(source, unicode.IsControl):
		c.wrong.add(pointer(it.Name), "invalid_text", "The source has control characters; leave them out.")
	case utf8.RuneCountInString(source) > MaxSource:
		c.wrong.add(pointer(it.Name), "too_long", "The source has at most "+strconv.Itoa(MaxSource)+" characters.")
	default:
		c.source = source
	}
}

func (c *controls) readDedupMode(it *Item) {
	raw := rawOf(it.Value)
	if empty(raw) {
		return
	}
	mode := DedupMode(strings.ToLower(strings.TrimSpace(raw.Text)))
	if raw.Kind != entity.RawText || !mode.valid() {
		c.wrong.add(pointer(it.Name), "unknown_mode", `dedup_mode is "skip", "update" or "create".`)
		return
	}
	c.mode, c.moded = mode, true
}

func (c *controls) readAssignee(it *Item) {
	raw := rawOf(it.Value)
	if empty(raw) {
		return
	}
	if raw.Kind != entity.RawText {
		c.wrong.add(pointer(it.Name), "wrong_type", "Send the assignee as a text: the UUID or e-mail address of a member.")
		return
	}
	c.assignee = &memberRef{pointer(it.Name), strings.TrimSpace(raw.Text)}
}

// readViewers takes one member or a list.
func (c *controls) readViewers(it *Item) {
	refs, wrong := viewerRefs(pointer(it.Name), rawOf(it.Value))
	c.viewers = refs
	c.wrong = append(c.wrong, wrong...)
}

func viewerRefs(at string, raw entity.Raw) (refs []memberRef, wrong problems) {
	list := raw.List
	if raw.Kind != entity.RawList {
		if empty(raw) {
			return nil, nil
		}
		list = []entity.Raw{raw}
	}
	if len(list) > MaxViewers {
		wrong.add(at, "too_many", "A lead has at most "+strconv.Itoa(MaxViewers)+" viewers.")
		return nil, wrong
	}
	for i, one := range list {
		inside := at
		if raw.Kind == entity.RawList {
			inside += "/" + strconv.Itoa(i)
		}
		switch {
		case empty(one):
		case one.Kind != entity.RawText:
			wrong.add(inside, "wrong_type", "Send a viewer as a text: the UUID or e-mail address of a member.")
		default:
			refs = append(refs, memberRef{inside, strings.TrimSpace(one.Text)})
		}
	}
	return refs, wrong
}

func (c *controls) readNotes(it *Item) {
	switch at := pointer(it.Name); it.Value.Kind() {
	case jsontext.KindBeginArray:
		for i, one := range elements(it.Value) {
			c.readNote(at+"/"+strconv.Itoa(i), one)
		}
	default:
		c.readNote(at, it.Value)
	}
}

// readNote takes a text, or an object with text and perhaps tag. A blank text alone
// is no note.
func (c *controls) readNote(at string, v jsontext.Value) {
	var n NewNote
	ok := true
	switch v.Kind() {
	case jsontext.KindNull:
		return
	case jsontext.KindString:
		n.Text = rawOf(v).Text
		if strings.TrimSpace(n.Text) == "" {
			return
		}
	case jsontext.KindBeginObject:
		for _, m := range members(v) {
			raw, inside := rawOf(m.Value), at+pointer(m.Name)
			switch {
			case m.loose != "text" && m.loose != "tag":
				c.wrong.add(inside, "unknown", "A note has text and perhaps tag; leave this out.")
				ok = false
			case raw.Kind == entity.RawNull:
			case raw.Kind != entity.RawText:
				c.wrong.add(inside, "wrong_type", "Send this as a text.")
				ok = false
			case m.loose == "text":
				n.Text = raw.Text
			default:
				n.Tag = strings.TrimSpace(raw.Text)
			}
		}
		if ok && strings.TrimSpace(n.Text) == "" {
			c.wrong.add(at+"/text", "required", "A note needs its text.")
			return
		}
	default:
		c.wrong.add(at, "wrong_type", "Send a note as a text, or as an object with text and tag.")
		return
	}
	if utf8.RuneCountInString(n.Text) > MaxNoteLength {
		c.wrong.add(at, "too_long", "A note has at most "+strconv.Itoa(MaxNoteLength)+" characters.")
		ok = false
	}
	if utf8.RuneCountInString(n.Tag) > MaxTagLength {
		c.wrong.add(at+"/tag", "too_long", "A tag has at most "+strconv.Itoa(MaxTagLength)+" characters.")
		ok = false
	}
	if ok {
		c.notes = append(c.notes, n)
	}
}

// empty tells whether a value says nothing.
func empty(raw entity.Raw) bool {
	return raw.Kind == entity.RawNull || raw.Kind == entity.RawText && strings.TrimSpace(raw.Text) == "" || raw.Kind == entity.RawList && len(raw.List) == 0
}
