package lead

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/api"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/event"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// registerChanges adds the operations that change one lead, and those that tell of it.
func registerChanges(a *api.API, s *Service) {
	tags := []string{"Leads"}
	write := api.Needs("leads:write")
	api.Register(a, changeOperation(), write, s.apiChange)
	api.Register(a, huma.Operation{
		OperationID: "delete-lead", Method: http.MethodDelete, Path: "/api/leads/{id}", Summary: "Delete a lead", Tags: tags, DefaultStatus: http.StatusNoContent,
		Description: "Puts the lead into the trash, from where it can be restored for 30 days. With `permanent=true`, which needs the scope leads:delete, it is deleted for ever, from the trash too: its notes, its files, and what the event log tells of its values.",
	}, api.Needs("leads:write", api.NeedsWhen("permanent", "leads:delete")), s.apiDelete)
	api.Register(a, huma.Operation{
		OperationID: "restore-lead", Method: http.MethodPost, Path: "/api/leads/{id}/restore", Summary: "Restore a lead", Tags: tags,
		Description: "Takes a lead out of the trash. One that is not there stays as it is.",
	}, write, s.apiRestore)
	api.Register(a, huma.Operation{
		OperationID: "merge-leads", Method: http.MethodPost, Path: "/api/leads/{id}/merge", Summary: "Merge leads", Tags: tags,
		Description: "Makes one lead of several of the same entity. The lead keeps its own values; what it lacks comes from the others, in their order; `prefer` decides otherwise, field by field. Notes, viewers and unmapped values come over, and the others go to the trash.",
	}, write, s.apiMerge)
	api.Register(a, huma.Operation{
		OperationID: "add-note", Method: http.MethodPost, Path: "/api/leads/{id}/notes", Summary: "Add a note", Tags: tags, DefaultStatus: http.StatusCreated,
	}, write, s.apiAddNote)
	api.Register(a, huma.Operation{
		OperationID: "list-notes", Method: http.MethodGet, Path: "/api/leads/{id}/notes", Summary: "List notes", Tags: tags,
		Description: "The notes of a lead, the newest first.",
	}, api.Needs("leads:read"), s.apiNotes)
	api.Register(a, huma.Operation{
		OperationID: "get-timeline", Method: http.MethodGet, Path: "/api/leads/{id}/timeline", Summary: "Get a lead's timeline", Tags: tags,
		Description: "What happened to a lead, the newest first: who or which key changed what, from and to.",
	}, api.Needs("leads:read"), s.apiTimeline)
	api.Register(a, huma.Operation{
		OperationID: "get-lead-file", Method: http.MethodGet, Path: "/api/leads/{id}/files/{key}", Summary: "Get a lead's file", Tags: tags,
		Description: "The file in a field of the type file, with its content in base64, as it can be sent too.",
	}, api.Needs("leads:read"), s.apiFile)
	api.Register(a, searchDuplicatesOperation(), api.Needs("leads:read", api.ChangesNothing()), s.apiDuplicates)
}

type leadOutput = getOutput

// answered stores a lead as the answer of the present call, for Idempotency-Key.
func answered(who account.Principal) Then {
	return func(ctx context.Context, tx *db.Tx, f Full) error {
		body, err := fullBody(ctx, tx, who, f)
		if err != nil {
			return err
		}
		return api.AnsweredTagged(ctx, tx, http.StatusOK, api.ETag(f.Lead.Version), body)
	}
}

func (s *Service) output(ctx context.Context, who account.Principal, f Full, err error) (*leadOutput, error) {
	if err != nil {
		return nil, err
	}
	body, err := fullBody(ctx, s.db, who, f)
	return &leadOutput{ETag: api.ETag(f.Lead.Version), Body: body}, err
}

func ifMatch(header string) Check { return func(l *Lead) error { return api.Match(header, l.Version) } }

type changeInput struct {
	ID      string `path:"id" doc:"The lead's id, a UUID"`
	IfMatch string `header:"If-Match" doc:"ETag of the version you read; 412 when it has changed since"`
	RawBody []byte
}

func (s *Service) apiChange(ctx context.Context, in *changeInput) (*leadOutput, error) {
	leadID, err := api.PathID(in.ID, "lead")
	if err != nil {
		return nil, err
	}
	p, err := ParsePatch(in.RawBody)
	if err != nil {
		return nil, err
	}
	who, _ := account.From(ctx)
	f, err := s.Change(ctx, who, leadID, p, ifMatch(in.IfMatch), answered(who))
	return s.output(ctx, who, f, err)
}

type deleteInput struct {
	ID        string `path:"id" doc:"The lead's id, a UUID"`
	Permanent bool   `query:"permanent" doc:"Delete for ever; needs the scope leads:delete"`
	IfMatch   string `header:"If-Match" doc:"ETag of the version you read; 412 when it has changed since"`
}

func (s *Service) apiDelete(ctx context.Context, in *deleteInput) (*struct{}, error) {
	leadID, err := api.PathID(in.ID, "lead")
	if err != nil {
		return nil, err
	}
	who, _ := account.From(ctx)
	if in.Permanent {
		return nil, s.Purge(ctx, who, leadID, ifMatch(in.IfMatch))
	}
	return nil, s.Delete(ctx, who, leadID, ifMatch(in.IfMatch))
}

func (s *Service) apiRestore(ctx context.Context, in *getInput) (*leadOutput, error) {
	leadID, err := api.PathID(in.ID, "lead")
	if err != nil {
		return nil, err
	}
	who, _ := account.From(ctx)
	f, err := s.Restore(ctx, who, leadID, answered(who))
	return s.output(ctx, who, f, err)
}

type mergeInput struct {
	ID   string `path:"id" doc:"The lead's id, a UUID"`
	Body struct {
		From   []string          `json:"from" minItems:"1" maxItems:"20" doc:"Ids of the leads to take in, the most important first"`
		Prefer map[string]string `json:"prefer,omitempty" doc:"By field: the id of the lead whose value holds"`
	}
}

func (s *Service) apiMerge(ctx context.Context, in *mergeInput) (*leadOutput, error) {
	leadID, err := api.PathID(in.ID, "lead")
	if err != nil {
		return nil, err
	}
	who, _ := account.From(ctx)
	f, err := s.Merge(ctx, who, leadID, Merge{From: in.Body.From, Prefer: in.Body.Prefer}, answered(who))
	return s.output(ctx, who, f, err)
}

type noteBody struct {
	ID        id.ID       `json:"id" format:"uuid"`
	Text      string      `json:"text"`
	Tag       string      `json:"tag" doc:"Empty when there is none"`
	CreatedAt time.Time   `json:"created_at"`
	CreatedBy event.Actor `json:"created_by"`
}

func newNoteBody(n Note) noteBody { return noteBody(n) }

type noteInput struct {
	ID   string `path:"id" doc:"The lead's id, a UUID"`
	Body struct {
		Text string `json:"text" doc:"At most 20,000 characters"`
		Tag  string `json:"tag,omitempty" doc:"At most 50 characters" example:"call"`
	}
}

func (s *Service) apiAddNote(ctx context.Context, in *noteInput) (*struct{ Body noteBody }, error) {
	leadID, err := api.PathID(in.ID, "lead")
	if err != nil {
		return nil, err
	}
	who, _ := account.From(ctx)
	n, err := s.AddNote(ctx, who, leadID, NewNote{in.Body.Text, in.Body.Tag}, func(ctx context.Context, tx *db.Tx, n Note) error {
		return api.Answered(ctx, tx, http.StatusCreated, newNoteBody(n))
	})
	return &struct{ Body noteBody }{newNoteBody(n)}, err
}

type notesOutput struct {
	Body struct {
		Data       []noteBody `json:"data" nullable:"false"`
		NextCursor *string    `json:"next_cursor" doc:"Always null: a lead's notes are one page"`
	}
}

func (s *Service) apiNotes(ctx context.Context, in *getInput) (*notesOutput, error) {
	leadID, err := api.PathID(in.ID, "lead")
	if err != nil {
		return nil, err
	}
	who, _ := account.From(ctx)
	notes, err := s.Notes(ctx, who, leadID)
	out := &notesOutput{}
	out.Body.Data = make([]noteBody, len(notes))
	for i, n := range notes {
		out.Body.Data[i] = newNoteBody(n)
	}
	return out, err
}

type timelineInput struct {
	ID string `path:"id" doc:"The lead's id, a UUID"`
	api.Paging
}

func (s *Service) apiTimeline(ctx context.Context, in *timelineInput) (*api.List[api.Event], error) {
	leadID, err := api.PathID(in.ID, "lead")
	if err != nil {
		return nil, err
	}
	who, _ := account.From(ctx)
	events, next, err := s.TimelinePage(ctx, who, leadID, in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &api.List[api.Event]{}
	out.Body.Data = make([]api.Event, len(events))
	for i, e := range events {
		out.Body.Data[i] = api.NewEvent(e)
	}
	if next != "" {
		out.Body.NextCursor = &next
		q := url.Values{"limit": {strconv.Itoa(in.Limit)}, "cursor": {next}}
		out.Link = "</api/leads/" + leadID.String() + "/timeline?" + q.Encode() + `>; rel="next"`
	}
	return out, nil
}

type duplicatesInput struct{ RawBody []byte }

type duplicatesOutput struct {
	Body struct {
		Data []duplicateBody `json:"data" nullable:"false"`
	}
}

type duplicateBody struct {
	Lead      leadAnswer `json:"lead"`
	MatchedOn []string   `json:"matched_on" nullable:"false" doc:"Keys of the fields that are the same, the most important first"`
}

func (s *Service) apiDuplicates(ctx context.Context, in *duplicatesInput) (*duplicatesOutput, error) {
	ref, fields, err := parseDuplicates(in.RawBody)
	if err != nil {
		return nil, err
	}
	who, _ := account.From(ctx)
	found, err := s.Duplicates(ctx, who, ref, fields)
	if err != nil {
		return nil, err
	}
	out := &duplicatesOutput{}
	out.Body.Data = make([]duplicateBody, len(found))
	for i, d := range found {
		body, err := fullBody(ctx, s.db, who, d.Full)
		if err != nil {
			return nil, err
		}
		out.Body.Data[i] = duplicateBody{body, d.Matched}
	}
	return out, nil
}

func parseDuplicates(body []byte) (ref string, fields []Item, err error) {
	items, err := parseJSON(body)
	if err != nil {
		return "", nil, err
	}
	var wrong problems
	for i := range items {
		switch it := &items[i]; it.Name {
		case "entity":
			ref = rawOf(it.Value).Text
		case "fields":
			fields = objectOf(it, &wrong)
		default:
			wrong.add(pointer(it.Name), "unknown_name", "Send entity and fields.")
		}
	}
	if ref == "" {
		wrong.add("/entity", "required", "Say which entity to search: its slug or id.")
	}
	return ref, fields, errs.Invalid(wrong...)
}

type fileInput struct {
	ID  string `path:"id" doc:"The lead's id, a UUID"`
	Key string `path:"key" doc:"Key of the field" example:"offer"`
}

type fileBody struct {
	ID      id.ID  `json:"id" format:"uuid"`
	Name    string `json:"name" example:"offer.pdf"`
	Size    int64  `json:"size" doc:"Bytes"`
	Type    string `json:"type" doc:"Media type, judged by the content" example:"application/pdf"`
	Content []byte `json:"content" doc:"In base64"`
}

func (s *Service) apiFile(ctx context.Context, in *fileInput) (*struct{ Body fileBody }, error) {
	leadID, err := api.PathID(in.ID, "lead")
	if err != nil {
		return nil, err
	}
	who, _ := account.From(ctx)
	v, err := s.File(ctx, who, leadID, in.Key)
	if err != nil {
		return nil, err
	}
	return &struct{ Body fileBody }{fileBody{v.ID, v.Name, v.Size, v.Type, append([]byte{}, v.Content...)}}, nil
}
