package errs

import (
	"errors"
	"fmt"
	"maps"
)

// Error is a refusal or failure that may be shown to the caller.
type Error struct {
	Code   Code           // what happened, for a machine
	Detail string         // what happened and how to mend it, one or two sentences
	Fields []Field        // each wrong value, when there are several places to look
	Meta   map[string]any // further members of the problem document, e.g. revoked_at
	cause  error          // for the log only
}

// Field points at one wrong value. Exactly one of Pointer (RFC 6901, into the
// body) and Parameter (a query parameter, path parameter or header) is set.
type Field struct {
	Pointer   string `json:"pointer,omitempty" doc:"JSON Pointer (RFC 6901) to the wrong value in the body"`
	Parameter string `json:"parameter,omitempty" doc:"Name of the wrong query parameter or header"`
	Code      string `json:"code" doc:"What is wrong, for a machine"`
	Detail    string `json:"detail" doc:"What is wrong and how to mend it"`
}

// New makes an Error with a sentence for the caller.
func New(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// Invalid makes a validation error from the fields that are wrong, or nil when
// there are none, so a validator can end with "return errs.Invalid(fields...)".
func Invalid(fields ...Field) error {
	if len(fields) == 0 {
		return nil
	}
	detail := fields[0].Detail
	if len(fields) > 1 {
		detail = fmt.Sprintf("%d values need a correction; each is listed in errors.", len(fields))
	}
	return &Error{Code: ValidationFailed, Detail: detail, Fields: fields}
}

// Because attaches the cause, which only the log will see.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// With adds a member to the problem document.
func (e *Error) With(name string, value any) *Error {
	c := *e
	c.Meta = make(map[string]any, len(e.Meta)+1)
	maps.Copy(c.Meta, e.Meta)
	c.Meta[name] = value
	return &c
}

func (e *Error) Error() string {
	if e.cause != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Detail, e.cause)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Detail)
}

func (e *Error) Unwrap() error { return e.cause }

// Is lets errors.Is(err, &Error{Code: NotFound}) compare by code.
func (e *Error) Is(target error) bool {
	var t *Error
	return errors.As(target, &t) && t.Code == e.Code
}

// CodeOf returns the code of err, Internal when it is not an *Error, and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}

// As returns err as an *Error; anything else becomes an Internal one that keeps
// err as its cause.
func As(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return New(Internal, "Something went wrong on our side. Nothing was changed. Try again; if it stays, tell the operator the request id.").Because(err)
}

// NotFoundf is the one answer for what is missing and for what the caller may not see.
func NotFoundf(what string) *Error {
	return New(NotFound, "There is no such %s here.", what)
}
