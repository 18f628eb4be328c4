// Package errs is the one error type of Leadflip, made for two readers: a
// machine reads the Code, a person reads the Detail. The cause stays inside for
// the log and never leaves the process. Whatever is not an *Error is an internal
// fault, and its text is never shown to anybody outside.
//
// The codes are a stable, documented namespace: every one has a title, a meaning
// and a way out in codes.go, and each is explained on a page of the running
// instance (/help/errors/{code}).
package errs
