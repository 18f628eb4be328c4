package errs

// Code names one kind of problem. Codes never change their meaning.
type Code string

// Kind groups codes by what the caller can do about them; platform/api maps each
// kind to one HTTP status.
type Kind int

// The kinds of problem.
const (
	KindInternal Kind = iota
	KindMalformed
	KindUnauthenticated
	KindForbidden
	KindNotFound
	KindMethod
	KindNotAcceptable
	KindConflict
	KindPrecondition
	KindTooLarge
	KindURITooLong
	KindMediaType
	KindInvalid
	KindTooMany
	KindUnavailable
	KindStorageFull
)

// The codes of the API, the web app and the command line.
const (
	AuthorizationMalformed Code = "authorization_malformed"
	CredentialMisplaced    Code = "credential_misplaced"
	KeyMissing             Code = "key_missing"
	KeyMalformed           Code = "key_malformed"
	KeyUnknown             Code = "key_unknown"
	KeyRevoked             Code = "key_revoked"
	KeyExpired             Code = "key_expired"
	KeyDisabled            Code = "key_disabled"
	KeyIPNotAllowed        Code = "key_ip_not_allowed"
	InsufficientScope      Code = "insufficient_scope"
	KeyWidening            Code = "key_widening"
	BrowserNotAllowed      Code = "browser_not_allowed"
	HTTPSRequired          Code = "https_required"
	NotAllowed             Code = "not_allowed"
	StepUpRequired         Code = "step_up_required"
	LoginFailed            Code = "login_failed"
	LinkInvalid            Code = "link_invalid"
	CrossOrigin            Code = "cross_origin"
	NotFound               Code = "not_found"
	MethodNotAllowed       Code = "method_not_allowed"
	NotAcceptable          Code = "not_acceptable"
	Conflict               Code = "conflict"
	NameTaken              Code = "name_taken"
	EntityInUse            Code = "entity_in_use"
	IdempotencyInFlight    Code = "idempotency_in_flight"
	IdempotencyMismatch    Code = "idempotency_mismatch"
	PreconditionFailed     Code = "precondition_failed"
	BodyTooLarge           Code = "body_too_large"
	URITooLong             Code = "uri_too_long"
	UnsupportedMediaType   Code = "unsupported_media_type"
	InvalidJSON            Code = "invalid_json"
	InvalidForm            Code = "invalid_form"
	InvalidHeader          Code = "invalid_header"
	InvalidCursor          Code = "invalid_cursor"
	ValidationFailed       Code = "validation_failed"
	QueryTooExpensive      Code = "query_too_expensive"
	RateLimited            Code = "rate_limited"
	TooManyGuesses         Code = "too_many_guesses"
	TooManyStreams         Code = "too_many_streams"
	TooManyExports         Code = "too_many_exports"
	Internal               Code = "internal"
	Unavailable            Code = "unavailable"
	StorageFull            Code = "storage_full"
)

// Explanation is what a person reads about a code, on its help page and in the
// OpenAPI document.
type Explanation struct {
	Kind    Kind
	Title   string // a short headline, the same for every occurrence
	Meaning string // what happened
	Fix     string // what to do about it
}

// Explain returns the explanation of a code; ok is false for an unknown one.
func Explain(c Code) (Explanation, bool) {
	e, ok := explanations[c]
	return e, ok
}

// Codes lists every code in the order of the documentation.
func Codes() []Code { return append([]Code(nil), order...) }

var order = []Code{
	AuthorizationMalformed, CredentialMisplaced, KeyMissing, KeyMalformed, KeyUnknown, KeyRevoked, KeyExpired, KeyDisabled, KeyIPNotAllowed,
	InsufficientScope, KeyWidening, BrowserNotAllowed, HTTPSRequired, NotAllowed, StepUpRequired, LoginFailed, LinkInvalid, CrossOrigin,
	NotFound, MethodNotAllowed, NotAcceptable, Conflict, NameTaken, EntityInUse, IdempotencyInFlight, IdempotencyMismatch, PreconditionFailed,
	BodyTooLarge, URITooLong, UnsupportedMediaType, InvalidJSON, InvalidForm, InvalidHeader, InvalidCursor, ValidationFailed, QueryTooExpensive,
	RateLimited, TooManyGuesses, TooManyStreams, TooManyExports, Internal, Unavailable, StorageFull,
}

var explanations = map[Code]Explanation{
	AuthorizationMalformed: {KindMalformed, "Authorization header malformed",
		"The request has more than one Authorization header line, so it is not clear which key was meant.",
		"Send exactly one line: Authorization: Bearer <key>."},
	CredentialMisplaced: {KindMalformed, "API key in the wrong place",
		"A complete API key was found in the address, the body, a cookie or another header. Such places end up in logs and histories, so the request was refused, even if the Authorization header was good. If the key is real it is now marked exposed.",
		"Send the key in the Authorization header only, and rotate the key that was exposed."},
	KeyMissing: {KindUnauthenticated, "API key missing",
		"The request carries no API key.",
		"Add the header Authorization: Bearer <key>. You make a key under Account Settings > API Access."},
	KeyMalformed: {KindUnauthenticated, "API key malformed",
		"What was sent is not a Leadflip API key: wrong shape, wrong length, extra characters or a wrong checksum. Usually the key was cut off or changed while copying.",
		"Copy the key again, whole, from where you stored it. It has 69 characters and begins with lf_live_ or lf_test_."},
	KeyUnknown: {KindUnauthenticated, "API key unknown",
		"The key has the right shape, but this instance does not know it.",
		"Check that the key belongs to this instance and was copied whole. If it is lost, make a new one."},
	KeyRevoked: {KindUnauthenticated, "API key revoked",
		"The key was revoked. Revoking is final.",
		"Make a new key under Account Settings > API Access and put it where the old one was used."},
	KeyExpired: {KindUnauthenticated, "API key expired",
		"The key is outside the time it is valid for.",
		"Rotate it, or make a new key with a later end."},
	KeyDisabled: {KindUnauthenticated, "API key disabled",
		"The key, or the person who made it, is disabled at the moment. Disabling is reversible.",
		"Ask an admin of the account to enable it under Account Settings > API Access."},
	KeyIPNotAllowed: {KindUnauthenticated, "Address not allowed for this key",
		"The key may only be used from a list of addresses, and yours is not on it.",
		"Add the address the problem names to the key's IP list, or call from an allowed one."},
	InsufficientScope: {KindForbidden, "Scope missing",
		"The key is good, but it has not been granted what this operation needs.",
		"Add the needed scope to the key, or use a key that has it. The problem lists needed and held scopes."},
	KeyWidening: {KindForbidden, "A key cannot grant more than it has",
		"The request would create or change a key so that it can do more, for longer, or from more places than the key that asks.",
		"Ask for less, or let a person do it under Account Settings > API Access."},
	BrowserNotAllowed: {KindForbidden, "Secret key used from a browser",
		"The request comes from a web page. Everybody who opens that page could read the key.",
		"Call the API from your server. If a page really must call it, list its origin on the key."},
	HTTPSRequired: {KindForbidden, "HTTPS required",
		"The key was sent over plain HTTP, where others can read it. It is now marked exposed.",
		"Use the https:// address, and rotate the key."},
	NotAllowed: {KindForbidden, "Not allowed",
		"Your role does not allow this.",
		"Ask an owner or admin of the account."},
	StepUpRequired: {KindForbidden, "Please confirm it is you",
		"This change needs a fresh proof of who you are, because the last one is more than 15 minutes old.",
		"Enter your password again and repeat the step."},
	LoginFailed: {KindUnauthenticated, "Login failed",
		"E-mail and password do not match an active person.",
		"Check both. If you are locked out, the operator can run: leadflip people reset EMAIL."},
	LinkInvalid: {KindNotFound, "Link no longer valid",
		"A one-time link works once and for a limited time. This one was used, has expired, or was cut off.",
		"Ask for a new link."},
	CrossOrigin: {KindForbidden, "Request from another site",
		"The request was started by a page of another site, so it was not carried out.",
		"Open Leadflip itself and repeat the step there."},
	NotFound: {KindNotFound, "Not found",
		"There is nothing here that you may see. Missing things and things of another account or environment look the same.",
		"Check the id, the path and which environment the key belongs to."},
	MethodNotAllowed: {KindMethod, "Method not allowed",
		"The path exists, but not with this method.",
		"Use one of the methods in the Allow header."},
	NotAcceptable: {KindNotAcceptable, "Not acceptable",
		"The Accept header excludes every form this answer can take.",
		"Send Accept: application/json, or leave the header out."},
	Conflict: {KindConflict, "Conflict",
		"The change does not fit the present state of the thing it is for.",
		"Read it again and decide afresh."},
	NameTaken: {KindInvalid, "Name already used",
		"Another one with this name is alive.",
		"Choose another name."},
	EntityInUse: {KindConflict, "Entity has leads",
		"The entity cannot be deleted, because leads of it are there, in one of the environments or in a trash. The problem says how many.",
		"Delete the leads for good first, or keep the entity."},
	IdempotencyInFlight: {KindConflict, "Same call still running",
		"A call with the same Idempotency-Key is being carried out right now.",
		"Wait a moment and send the same call again: you will get its answer."},
	IdempotencyMismatch: {KindInvalid, "Idempotency-Key used for another call",
		"This Idempotency-Key was used before with another method, path, query, content type or body.",
		"Use a new Idempotency-Key for a new call; repeat one only for the very same call."},
	PreconditionFailed: {KindPrecondition, "Changed in the meantime",
		"Somebody else changed it after you read it, so your change was not made.",
		"Read it again, apply your change and send the new ETag."},
	BodyTooLarge: {KindTooLarge, "Body too large",
		"The body is larger than this operation accepts.",
		"Send less at once. The limits are listed at GET /api/limits."},
	URITooLong: {KindURITooLong, "Address too long",
		"The request line is longer than we accept.",
		"Shorten the query, for example the filter."},
	UnsupportedMediaType: {KindMediaType, "Content type not supported",
		"The body is of a type this operation does not read.",
		"Send Content-Type: application/json. Intake also takes application/x-www-form-urlencoded and multipart/form-data."},
	InvalidJSON: {KindMalformed, "Invalid JSON",
		"The body is not valid JSON (RFC 8259), or has a duplicate name, invalid UTF-8, a NUL character or too many levels.",
		"Mend the body at the place the problem names."},
	InvalidForm: {KindMalformed, "Invalid form body",
		"The form body could not be read.",
		"Encode it as application/x-www-form-urlencoded or multipart/form-data, in UTF-8."},
	InvalidHeader: {KindMalformed, "Invalid header",
		"A header has a value we cannot use.",
		"Mend the header the problem names."},
	InvalidCursor: {KindMalformed, "Invalid cursor",
		"The cursor was changed, is from another query, or from another environment.",
		"Start again without a cursor, and pass on next_cursor exactly as you got it."},
	ValidationFailed: {KindInvalid, "Some values are not accepted",
		"The request is well formed, but one or more values break a rule.",
		"Mend each value listed in errors and send the request again. Nothing was changed."},
	QueryTooExpensive: {KindInvalid, "Query too expensive",
		"Finding the leads took longer than one request may, because too many had to be looked at one by one.",
		"Turn on indexed for the fields the problem names, or add a condition that few leads meet: on an indexed field, a status, the assignee or created_at."},
	RateLimited: {KindTooMany, "Rate limit reached",
		"The key has used up its calls for now.",
		"Wait as many seconds as Retry-After says. A client that obeys is never refused again."},
	TooManyGuesses: {KindTooMany, "Too many failed attempts",
		"Too many attempts with wrong credentials came from this address.",
		"Wait as many seconds as Retry-After says. A good key is never refused for this."},
	TooManyStreams: {KindTooMany, "Too many open streams",
		"A key may keep a number of event streams open at a time, and so may all keys together. This one would be one too many.",
		"Close a stream that is no longer needed, or read one stream and share it inside your program. GET /api/events needs no stream."},
	TooManyExports: {KindTooMany, "Too many exports under way",
		"A key may have a few exports under way at a time, and so may all keys together. This one would be one too many.",
		"Wait until one of them has ended, and try again after the seconds in Retry-After."},
	Internal: {KindInternal, "Something went wrong on our side",
		"An unexpected fault. It was logged with the request id; nothing of it is shown here.",
		"Try again. If it stays, tell the operator the request id."},
	Unavailable: {KindUnavailable, "Temporarily unavailable",
		"The server or its database cannot answer right now. Nothing was changed.",
		"Try again after the seconds in Retry-After."},
	StorageFull: {KindStorageFull, "Storage full",
		"The disk of the database is full, so nothing can be written. Reading still works; nothing was lost.",
		"The operator has to free space. Writing works again as soon as there is some."},
}
