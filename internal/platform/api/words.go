package api

import "github.com/danielgtaylor/huma/v2/validation"

// plainWords makes the validator say what to send, as everything else here does. It
// wants a place for the error behind some of the messages; %.0v leaves that out.
func plainWords() {
	validation.MsgExpectedBoolean = "send true or false"
	validation.MsgExpectedNumber = "send a number, without quotes"
	validation.MsgExpectedInteger = "send a whole number, without quotes"
	validation.MsgExpectedString = "send a text, in quotes"
	validation.MsgExpectedArray = "send a list"
	validation.MsgExpectedObject = "send an object"
	validation.MsgExpectedOneOf = "use one of: %s"
	validation.MsgExpectedMinimumNumber = "send %v or more"
	validation.MsgExpectedMaximumNumber = "send %v or less"
	validation.MsgExpectedExclusiveMinimumNumber = "send more than %v"
	validation.MsgExpectedExclusiveMaximumNumber = "send less than %v"
	validation.MsgExpectedNumberBeMultipleOf = "send a multiple of %v"
	validation.MsgExpectedMinLength = "use at least %d characters"
	validation.MsgExpectedMaxLength = "use at most %d characters"
	validation.MsgExpectedMinItems = "send at least %d entries"
	validation.MsgExpectedMaxItems = "send at most %d entries"
	validation.MsgExpectedArrayItemsUnique = "send each entry once"
	validation.MsgExpectedRFC4122UUID = "send an id as the API gives it, for example 0197b1c2-7d1e-7c30-8a4b-5e6f70819203%.0v"
	validation.MsgExpectedRFC3339DateTime = "send a moment like 2026-07-31T09:30:00Z"
	validation.MsgExpectedRFC3339Date = "send a date like 2026-07-31"
}

// unread is what huma says of a parameter or header that it could not read, and what we
// say instead.
var unread = map[string]string{
	"invalid integer": "Send a whole number.",
	"invalid float":   "Send a number.",
	"invalid boolean": "Send true or false.",
}
