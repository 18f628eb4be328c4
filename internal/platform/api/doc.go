// Package api is the frame around every operation of the REST API.
//
// It guarantees, for each request and before the operation runs:
//
//   - an API key is taken from one well-formed Authorization header and from nowhere
//     else; a key found in the address, the body, a cookie or another header refuses
//     the request and is reported as exposed;
//   - exactly one look-up decides who calls (Gate.Authenticate); nothing is cached, and
//     a body that is long on its way is followed by a second one;
//   - the operation's policy is checked; an operation without one cannot be
//     registered;
//   - what strangers, or all callers together, can make it hold of their bodies is
//     bounded;
//   - rate limits, strict JSON, body size, media types and Idempotency-Key hold
//     alike for all of them;
//   - every error after the request head was parsed is a problem document (RFC 9457)
//     whose type is a page of this very instance, and never repeats what was sent.
//
// The package knows no room: who a key belongs to and what it may do comes through
// the Gate.
package api
