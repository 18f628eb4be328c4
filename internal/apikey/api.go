package apikey

import (
	"context"
	"encoding/binary"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/api"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// KeyPath names a key in a path. It has no format: what is not an id does not exist,
// and is not a wrong value.
type KeyPath struct {
	ID string `path:"id" doc:"The key's id, a UUID"`
}

type keyOutput struct {
	ETag string `header:"ETag"`
	Body Body
}

func principal(ctx context.Context) account.Principal {
	who, _ := account.From(ctx)
	return who
}

// RegisterAPI adds the operations of the room.
func RegisterAPI(a *api.API, s *Service) {
	h := handlers{a, s}
	tags := []string{"API keys"}
	api.Register(a, huma.Operation{OperationID: "get-own-key", Method: http.MethodGet, Path: "/api/key", Tags: tags, Summary: "Which key am I?",
		Description: "The key that sends the request. Works with any live key and no scope, so it is the best first call."}, api.AnyKey(api.ShowsCaller()), h.self)
	api.Register(a, huma.Operation{OperationID: "list-keys", Method: http.MethodGet, Path: "/api/keys", Tags: tags, Summary: "List keys",
		Description: "The keys of the environment, the newest first, ended ones included."}, api.Needs("keys:read"), h.list)
	api.Register(a, huma.Operation{OperationID: "create-key", Method: http.MethodPost, Path: "/api/keys", Tags: tags, Summary: "Create a key", DefaultStatus: http.StatusCreated,
		Description: "Answers with the key itself, once. A key can never make one that does more, lives longer or comes from more places than itself; what is not sent takes the usual default or the caller's own value, whichever is narrower."},
		api.Needs("keys:write"), h.create)
	api.Register(a, huma.Operation{OperationID: "get-key", Method: http.MethodGet, Path: "/api/keys/{id}", Tags: tags, Summary: "Get a key"}, api.Needs("keys:read"), h.get)
	api.Register(a, huma.Operation{OperationID: "change-key", Method: http.MethodPatch, Path: "/api/keys/{id}", Tags: tags, Summary: "Change a key",
		Description: "Only what is sent changes. The change holds for every request that starts after the answer."}, api.Needs("keys:write"), h.change)
	api.Register(a, huma.Operation{OperationID: "disable-key", Method: http.MethodPost, Path: "/api/keys/{id}/disable", Tags: tags, Summary: "Disable a key",
		Description: "The key stops at once and can be enabled again."}, api.Needs("keys:write"), h.disable)
	api.Register(a, huma.Operation{OperationID: "enable-key", Method: http.MethodPost, Path: "/api/keys/{id}/enable", Tags: tags, Summary: "Enable a key"}, api.Needs("keys:write"), h.enable)
	api.Register(a, huma.Operation{OperationID: "revoke-key", Method: http.MethodPost, Path: "/api/keys/{id}/revoke", Tags: tags, Summary: "Revoke a key",
		Description: "Final. No request that starts after the answer is accepted, on any node. The living keys that this key has made are listed in `made`; they go on working."}, api.Needs("keys:write"), h.revoke)
	api.Register(a, huma.Operation{OperationID: "rotate-key", Method: http.MethodPost, Path: "/api/keys/{id}/rotate", Tags: tags, Summary: "Rotate a key", DefaultStatus: http.StatusCreated,
		Description: "Answers with a new key of the same settings, once. The old one goes on working for the overlap, never past its own end. With an overlap of 0 it ends at once; revoking the old key ends the overlap early."},
		api.Needs("keys:write"), h.rotate)
	api.Register(a, huma.Operation{OperationID: "get-key-usage", Method: http.MethodGet, Path: "/api/keys/{id}/usage", Tags: tags, Summary: "Get a key's usage",
		Description: "Outcomes over time (by hour up to two days, by UTC day otherwise), routes, addresses and the last 100 calls."}, api.Needs("keys:read"), h.usage)
	api.Register(a, huma.Operation{OperationID: "report-leak", Method: http.MethodPost, Path: "/api/keys/report-leak", Tags: tags, Summary: "Report leaked keys",
		Description: "For anybody who finds keys somewhere: the real ones are disabled and their owners told. The answer is the same whether or not they exist. At most 60 reports an hour from one address."},
		api.Open(api.MayCarryKeys()), h.report)
}

type handlers struct {
	api *api.API
	s   *Service
}

func (h handlers) body(ctx context.Context, q db.Handle, who account.Principal, k Key) (Body, error) {
	last, err := lastUse(ctx, q, k.ID)
	if err != nil {
		return Body{}, err
	}
	return NewBody(k, who.Account.Slug, h.s.usage.latest(k.ID, last), h.s.db.Now()), nil
}

func (h handlers) answer(ctx context.Context, who account.Principal, k Key) (*keyOutput, error) {
	b, err := h.body(ctx, h.s.db, who, k)
	return &keyOutput{api.ETag(k.UpdatedAt.UnixMicro()), b}, err
}

func (h handlers) self(ctx context.Context, _ *struct{}) (*ownOutput, error) {
	who := principal(ctx)
	own, ok := ctx.Value(ownKey{}).(*verified)
	if !ok {
		return nil, errs.NotFoundf("API key")
	}
	return &ownOutput{api.ETag(own.UpdatedAt.UnixMicro()), ownBody{NewBody(own.Key, who.Account.Slug, h.s.usage.latest(own.ID, own.last), h.s.db.Now())}}, nil
}

func (h handlers) get(ctx context.Context, in *KeyPath) (*keyOutput, error) {
	who := principal(ctx)
	key, err := api.PathID(in.ID, "API key")
	if err != nil {
		return nil, err
	}
	k, err := h.s.Get(ctx, who, key)
	if err != nil {
		return nil, err
	}
	return h.answer(ctx, who, k)
}

func (h handlers) list(ctx context.Context, in *struct{ api.Paging }) (*api.List[Body], error) {
	who := principal(ctx)
	bind := who.Environment.ID.String() + " keys"
	position, err := h.api.Position(bind, in.Cursor)
	if err != nil {
		return nil, err
	}
	var after *Key
	if position != nil {
		after = &Key{CreatedAt: db.FromMicros(int64(binary.BigEndian.Uint64(position))), ID: id.ID(position[8:])}
	}
	keys, err := h.s.List(ctx, who, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	var next []byte
	if len(keys) > in.Limit {
		keys = keys[:in.Limit]
		last := keys[in.Limit-1]
		next = append(binary.BigEndian.AppendUint64(nil, uint64(last.CreatedAt.UnixMicro())), last.ID[:]...)
	}
	bodies := make([]Body, len(keys))
	for i, k := range keys {
		if bodies[i], err = h.body(ctx, h.s.db, who, k); err != nil {
			return nil, err
		}
	}
	return api.NewList(h.api, "/api/keys", url.Values{"limit": {strconv.Itoa(in.Limit)}}, bind, bodies, next), nil
}

type createInput struct {
	Body struct {
		SettingsBody
		Environment *string `json:"environment,omitempty" doc:"Slug or id; a key can only make keys of its own environment"`
	}
}

type createOutput struct {
	ETag string `header:"ETag"`
	Body CreatedBody
}

func (h handlers) create(ctx context.Context, in *createInput) (*createOutput, error) {
	who := principal(ctx)
	if e := in.Body.Environment; e != nil {
		if _, err := account.FindEnvironment([]account.Environment{who.Environment}, *e); err != nil || *e == "" {
			return nil, errs.Invalid(errs.Field{Pointer: "/environment", Code: "invalid", Detail: "A key can only make keys of its own environment, " + who.Environment.Slug + "."})
		}
	}
	k, secret, err := h.s.Create(ctx, who, in.Body.settings(), false, func(ctx context.Context, tx *db.Tx, k Key) error {
		return api.AnsweredTagged(ctx, tx, http.StatusOK, api.ETag(k.UpdatedAt.UnixMicro()), shownBody{NewBody(k, who.Account.Slug, nil, tx.Now), "already_shown"})
	})
	if err != nil {
		return nil, err
	}
	return &createOutput{api.ETag(k.UpdatedAt.UnixMicro()), CreatedBody{NewBody(k, who.Account.Slug, nil, h.s.db.Now()), secret.Reveal()}}, nil
}

type changeInput struct {
	KeyPath
	IfMatch string `header:"If-Match" doc:"ETag of the version you read; 412 when it has changed since"`
	Body    SettingsBody
}

func (h handlers) change(ctx context.Context, in *changeInput) (*keyOutput, error) {
	who := principal(ctx)
	key, err := api.PathID(in.ID, "API key")
	if err != nil {
		return nil, err
	}
	match := func(k Key) error { return api.Match(in.IfMatch, k.UpdatedAt.UnixMicro()) }
	k, err := h.s.Edit(ctx, who, key, in.Body.settings(), match, h.then(who))
	if err != nil {
		return nil, err
	}
	return h.answer(ctx, who, k)
}

// then stores the answer of a change for Idempotency-Key.
func (h handlers) then(who account.Principal) Then[Key] {
	return func(ctx context.Context, tx *db.Tx, k Key) error {
		b, err := h.body(ctx, tx, who, k)
		if err != nil {
			return err
		}
		return api.AnsweredTagged(ctx, tx, http.StatusOK, api.ETag(k.UpdatedAt.UnixMicro()), b)
	}
}

func (h handlers) disable(ctx context.Context, in *KeyPath) (*keyOutput, error) {
	return h.state(ctx, in, h.s.Disable)
}

func (h handlers) enable(ctx context.Context, in *KeyPath) (*keyOutput, error) {
	return h.state(ctx, in, h.s.Enable)
}

func (h handlers) state(ctx context.Context, in *KeyPath, do func(context.Context, account.Principal, id.ID, Then[Key]) (Key, error)) (*keyOutput, error) {
	who := principal(ctx)
	key, err := api.PathID(in.ID, "API key")
	if err != nil {
		return nil, err
	}
	k, err := do(ctx, who, key, h.then(who))
	if err != nil {
		return nil, err
	}
	return h.answer(ctx, who, k)
}

// RevokedBody is a revoked key and the living keys that it made.
type RevokedBody struct {
	Body
	Made []Body `json:"made" doc:"Living keys that this key made; they go on working"`
}

func (h handlers) revokedBody(ctx context.Context, q db.Handle, who account.Principal, r Revoked) (RevokedBody, error) {
	key, err := h.body(ctx, q, who, r.Key)
	b := RevokedBody{key, make([]Body, len(r.Made))}
	if err != nil || len(r.Made) == 0 {
		return b, err
	}
	stored, err := lastUses(ctx, q, who.Environment.ID) // of all at once: a key may have made thousands
	for i, k := range r.Made {
		var last *Call
		if c, ok := stored[k.ID]; ok {
			last = &c
		}
		b.Made[i] = NewBody(k, who.Account.Slug, h.s.usage.latest(k.ID, last), h.s.db.Now())
	}
	return b, err
}

type revokeOutput struct {
	ETag string `header:"ETag"`
	Body RevokedBody
}

func (h handlers) revoke(ctx context.Context, in *KeyPath) (*revokeOutput, error) {
	who := principal(ctx)
	key, err := api.PathID(in.ID, "API key")
	if err != nil {
		return nil, err
	}
	var out revokeOutput
	_, err = h.s.Revoke(ctx, who, key, func(ctx context.Context, tx *db.Tx, r Revoked) error {
		b, err := h.revokedBody(ctx, tx, who, r)
		if err != nil {
			return err
		}
		out = revokeOutput{api.ETag(r.Key.UpdatedAt.UnixMicro()), b}
		return api.AnsweredTagged(ctx, tx, http.StatusOK, out.ETag, out.Body)
	})
	return &out, err
}

type rotateInput struct {
	KeyPath
	Body *struct {
		Overlap string `json:"overlap,omitempty" default:"24h" doc:"How long the old key goes on working: 0, or up to 30 days" example:"24h"`
	} `required:"false"`
}

// RotatedBody is the new half of a rotation with its secret.
type RotatedBody struct {
	ID        id.ID     `json:"id" format:"uuid"`
	Key       string    `json:"key,omitempty" doc:"The new key itself. It is shown here and never again"`
	Replaces  id.ID     `json:"replaces" format:"uuid" doc:"The old key"`
	OldEndsAt time.Time `json:"old_ends_at" doc:"When the old key stops"`
	Code      string    `json:"code,omitempty" doc:"already_shown when this is a replay, which has no key"`
}

func (h handlers) rotate(ctx context.Context, in *rotateInput) (*struct{ Body RotatedBody }, error) {
	who := principal(ctx)
	key, err := api.PathID(in.ID, "API key")
	if err != nil {
		return nil, err
	}
	overlap, problem := DefaultOverlap, ""
	if in.Body != nil && in.Body.Overlap != "" {
		overlap, problem = ParseOverlap(in.Body.Overlap)
	}
	if problem != "" {
		return nil, errs.Invalid(errs.Field{Pointer: "/overlap", Code: "invalid", Detail: problem})
	}
	r, secret, err := h.s.Rotate(ctx, who, key, overlap, func(ctx context.Context, tx *db.Tx, r Rotation) error {
		return api.Answered(ctx, tx, http.StatusOK, RotatedBody{ID: r.New.ID, Replaces: r.Old, OldEndsAt: r.OldEndsAt, Code: "already_shown"})
	})
	if err != nil {
		return nil, err
	}
	return &struct{ Body RotatedBody }{RotatedBody{ID: r.New.ID, Key: secret.Reveal(), Replaces: r.Old, OldEndsAt: r.OldEndsAt}}, nil
}

type usageInput struct {
	KeyPath
	From time.Time `query:"from" doc:"Begin; a week ago when not sent"`
	To   time.Time `query:"to" doc:"End; now when not sent"`
}

func (h handlers) usage(ctx context.Context, in *usageInput) (*struct{ Body UsageBody }, error) {
	who := principal(ctx)
	key, err := api.PathID(in.ID, "API key")
	if err != nil {
		return nil, err
	}
	k, err := h.s.Get(ctx, who, key)
	if err != nil {
		return nil, err
	}
	from, to := in.From, in.To
	if to.IsZero() {
		to = h.s.db.Now()
	}
	if from.IsZero() {
		from = to.Add(-7 * 24 * time.Hour)
	}
	if !from.Before(to) || to.Sub(from) > 92*24*time.Hour {
		return nil, errs.Invalid(errs.Field{Parameter: "from", Code: "invalid", Detail: "Choose from before to, at most 92 days apart."})
	}
	step := 24 * time.Hour
	if to.Sub(from) <= 48*time.Hour {
		step = time.Hour
	}
	rep, err := h.s.usageBetween(ctx, k, from.UTC().Truncate(step), to, step, "")
	if err != nil {
		return nil, err
	}
	return &struct{ Body UsageBody }{NewUsageBody(rep)}, nil
}

type reportInput struct {
	Body struct {
		Keys []string `json:"keys" minItems:"1" maxItems:"100" doc:"Whole keys as they were found"`
	}
}

type reportOutput struct {
	Body struct {
		Status string `json:"status" example:"received"`
	}
}

func (h handlers) report(ctx context.Context, in *reportInput) (*reportOutput, error) {
	if err := h.s.ReportLeak(ctx, in.Body.Keys, originOf(ctx)); err != nil {
		return nil, err
	}
	out := &reportOutput{}
	out.Body.Status = "received"
	return out, nil
}
