// Package audit keeps the log of who did what: append only, written in the same
// transaction as the change it tells of, so that there is never one without the
// other. It imports no room; its actor is a plain value, so every room can call
// Record.
//
// It never holds a secret: callers pass names and ids, and what changed from which
// value to which.
package audit
