package help

import (
	"encoding/json"
	"time"

	"github.com/leadflip/leadflip/internal/platform/api"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/httpd"
)

// exampleOf is one occurrence of a code as the API answers it, made by the same code.
func exampleOf(c errs.Code, base string) (*api.Problem, string, error) {
	e := examples[c]
	if e == nil {
		x, _ := errs.Explain(c)
		e = errs.New(c, "%s", x.Meaning)
	}
	p := api.NewProblem(e, &httpd.Request{ID: "req_7K2M4QXW5NB3HTGC6YPA", Base: base})
	body, err := json.MarshalIndent(p, "", "  ")
	return p, string(body), err
}

// headersOf lists the headers that go with a problem.
func headersOf(p *api.Problem) []string {
	var out []string
	h := p.GetHeaders()
	for _, name := range []string{"WWW-Authenticate", "Retry-After"} {
		if v := h.Get(name); v != "" {
			out = append(out, name+": "+v)
		}
	}
	return out
}

var exampleTime = time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC)

// examples has one occurrence of every code.
var examples = map[errs.Code]*errs.Error{
	errs.AuthorizationMalformed: errs.New(errs.AuthorizationMalformed, "There are 2 Authorization header lines; send exactly one."),
	errs.CredentialMisplaced: errs.New(errs.CredentialMisplaced,
		"An API key was found in the address, where it can leak. Send it only as \"Authorization: Bearer <key>\", and rotate this one.").With("where", "query"),
	errs.KeyMissing:   errs.New(errs.KeyMissing, "Send the header: Authorization: Bearer <key>. You make a key under Account Settings > API Access."),
	errs.KeyMalformed: errs.New(errs.KeyMalformed, "The key is too short: part of it was lost on the way. Copy it again, whole."),
	errs.KeyUnknown:   errs.New(errs.KeyUnknown, "This instance does not know this key. Check that it was copied whole and belongs here."),
	errs.KeyRevoked: errs.New(errs.KeyRevoked, "The key “Website server” was revoked. Make a new one under Account Settings > API Access.").
		With("revoked_at", exampleTime),
	errs.KeyExpired: errs.New(errs.KeyExpired, "The key “Website server” has expired. Make a new one under Account Settings > API Access.").
		With("expired_at", exampleTime),
	errs.KeyDisabled: errs.New(errs.KeyDisabled, "The key “Website server” is disabled. An admin can enable it under Account Settings > API Access.").
		With("disabled_at", exampleTime),
	errs.KeyIPNotAllowed: errs.New(errs.KeyIPNotAllowed, "The key “Website server” may not be used from 198.51.100.7.").With("ip", "198.51.100.7"),
	errs.InsufficientScope: errs.New(errs.InsufficientScope,
		"This operation needs the scope leads:write; the key holds leads:read. An admin can add it under Account Settings > API Access.").
		With("needed", []string{"leads:write"}).With("held", []string{"leads:read"}),
	errs.KeyWidening: errs.New(errs.KeyWidening, "A key cannot make or change a key beyond itself: it would outlive this key."),
	errs.BrowserNotAllowed: errs.New(errs.BrowserNotAllowed,
		"This request comes from a web page, where everybody could read the key. Call from your server, or list the page's origin on the key “Website server”."),
	errs.HTTPSRequired:    errs.New(errs.HTTPSRequired, "The key was sent over plain HTTP. Use the https:// address, and rotate this key."),
	errs.NotAllowed:       errs.New(errs.NotAllowed, "Only owners and admins of the account may change API keys."),
	errs.StepUpRequired:   errs.New(errs.StepUpRequired, "This change needs a fresh proof of who you are. Enter your password and repeat the step."),
	errs.LoginFailed:      errs.New(errs.LoginFailed, "E-mail and password do not match. Check both and try again."),
	errs.LinkInvalid:      errs.New(errs.LinkInvalid, "This link was used, has expired, or was cut off. Ask for a new one."),
	errs.CrossOrigin:      errs.New(errs.CrossOrigin, "This request came from another site, so nothing was changed. Open Leadflip itself and repeat the step there."),
	errs.NotFound:         errs.NotFoundf("lead"),
	errs.MethodNotAllowed: errs.New(errs.MethodNotAllowed, "This path takes GET, HEAD."),
	errs.NotAcceptable:    errs.New(errs.NotAcceptable, "This operation answers application/json, which the Accept header excludes."),
	errs.Conflict:         errs.New(errs.Conflict, "The key “Website server” is revoked, and a revoked key cannot be changed."),
	errs.NameTaken:        errs.New(errs.NameTaken, "Another one with this name is alive. Please choose another name."),
	errs.EntityInUse: errs.New(errs.EntityInUse, "The entity has 12 leads, 2 of them in the trash, all environments together. Delete them for good first.").
		With("leads", 12).With("leads_in_trash", 2),
	errs.IdempotencyInFlight:  errs.New(errs.IdempotencyInFlight, "The same call is being carried out right now. Send it again in a moment and you will get its answer.").With("retry_after", 1),
	errs.IdempotencyMismatch:  errs.New(errs.IdempotencyMismatch, "This Idempotency-Key was already used for a different call. Use a new one for a new call."),
	errs.PreconditionFailed:   errs.New(errs.PreconditionFailed, "It was changed after you read it. Read it again, apply your change, and send the new ETag as If-Match."),
	errs.BodyTooLarge:         errs.New(errs.BodyTooLarge, "The body has more than 1048576 bytes, which is the most this operation takes.").With("limit", api.MaxBody),
	errs.URITooLong:           errs.New(errs.URITooLong, "The address has more than 16384 bytes."),
	errs.UnsupportedMediaType: errs.New(errs.UnsupportedMediaType, "This operation reads application/json. Send that as Content-Type."),
	errs.InvalidJSON:          errs.New(errs.InvalidJSON, "A name occurs twice in one object (line 1, column 30).").With("line", 1).With("column", 30),
	errs.InvalidForm:          errs.New(errs.InvalidForm, "The body looks like JSON, but its Content-Type says form. Send Content-Type: application/json."),
	errs.InvalidHeader: {Code: errs.InvalidHeader, Detail: "Idempotency-Key must be sent once, with 1 to 255 printable ASCII characters.",
		Fields: []errs.Field{{Parameter: "Idempotency-Key", Code: "invalid", Detail: "Send one value of 1 to 255 printable ASCII characters."}}},
	errs.InvalidCursor: errs.New(errs.InvalidCursor, "This cursor was not made for this list. Begin without a cursor and pass on next_cursor as you got it."),
	errs.ValidationFailed: {Code: errs.ValidationFailed, Detail: "Email: This is not an e-mail address; it should be like name@example.com.",
		Fields: []errs.Field{{Pointer: "/email", Code: "invalid_email", Detail: "Email: This is not an e-mail address; it should be like name@example.com."}}},
	errs.QueryTooExpensive: {Code: errs.QueryTooExpensive,
		Detail: "This query took more than 2s. It has to look at leads one by one for: message. Turn on indexed for the fields, or add a condition that few leads meet: on an indexed field, a status, the assignee or created_at.",
		Fields: []errs.Field{{Parameter: "filter", Code: "not_indexed", Detail: "It has to look at leads one by one for: message."}},
		Meta:   map[string]any{"budget_seconds": 2, "not_indexed": []string{"message"}}},
	errs.RateLimited:    errs.New(errs.RateLimited, "This key may make 6000 calls a minute and 600 within 6 seconds. Wait 4 seconds and go on.").With("retry_after", 4),
	errs.TooManyGuesses: errs.New(errs.TooManyGuesses, "Too many unknown keys came from this address. Wait 41 seconds.").With("retry_after", 41),
	errs.TooManyStreams: errs.New(errs.TooManyStreams, "This key has 20 streams open, which is the most there may be. Close one of them.").With("retry_after", 5),
	errs.TooManyExports: errs.New(errs.TooManyExports, "This key has 3 exports under way, which is the most there may be. Wait until one of them has ended.").With("retry_after", 10),
	errs.Internal:       errs.As(nil),
	errs.Unavailable:    errs.New(errs.Unavailable, "The database cannot answer right now. Nothing was changed. Try again in a moment."),
	errs.StorageFull:    errs.New(errs.StorageFull, "The disk of the database is full, so nothing was written. Reading still works."),
}
