// Package events is how programs hear of what happened: page by page, or as a stream
// that goes on.
//
// Invariants:
//
//   - The events of an environment come in one order, each exactly once, without gaps,
//     whatever is written meanwhile. Who goes on behind the last event it has got
//     misses nothing and gets nothing twice.
//   - A reader sees the events of its own environment and no others, and all of them:
//     events:read is not narrowed to entities.
//   - A stream ends within a second when its key is revoked, disabled, expired or loses
//     the right, and when the server stops. What ended a key is never told to it.
//   - A reader that does not read holds up nobody but itself, and is given up.
//   - The streams of a key and those of all keys are bounded.
//
// It never writes an event, and never changes one: rooms write theirs with
// platform/event in the transaction of the change.
package events
