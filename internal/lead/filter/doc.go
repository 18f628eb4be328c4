// Package filter is the language in which leads are chosen: a text is parsed, checked
// against the fields of an entity, and becomes a tree that can be asked of one lead in
// memory (Matches) or, as far as indexes and columns go, of the database (Builder).
//
//	filter     = and { "or" and }
//	and        = one { "and" one }
//	one        = "not" one | "(" filter ")" | test
//	test       = name ( "=" | "!=" | ">" | ">=" | "<" | "<=" ) value
//	           | name [ "not" ] ( "contains" | "starts_with" ) value
//	           | name [ "not" ] "in" "(" value { "," value } ")"
//	           | name [ "not" ] "between" value "and" value
//	           | name "is" [ "not" ] "empty"
//	name       = part [ "." part ]
//	part       = plain word | "`" anything "`"
//	value      = "text" | 'text' | 12.50 | true | false | 2026-07-31 | 2026-07-31T14:30:00+02:00
//
// Keywords are read without regard to case. In quotes and backticks a backslash stands
// before a quote, a backtick, a backslash, n (new line) or t (tab).
//
// A name is a field's key, a key it had before or its label; status.<pipeline>;
// assignee, source, created_at, updated_at or id.
//
// What a test means:
//
//   - Texts compare without regard to case (entity.Fold), numbers as exact decimals,
//     moments by the instant. Texts are ordered by their sort keys (entity.Field.Keys).
//   - A test is true or false, never unknown. Where a lead has no value, every test is
//     false but "is empty"; so != and every "not" are true there.
//   - Of a field with several values, = and in mean that the lead has one of them.
//   - between takes both ends in. A date is the beginning of that day in UTC where a
//     moment is compared.
//   - A status that is being emptied counts as the one that takes its leads.
//   - An encrypted field cannot be used.
//
// A text has at most MaxBytes, MaxTests, MaxDepth levels and MaxValues in a list. What
// is wrong with one is told with the position of the character, counted from 1; what
// was sent is not repeated.
package filter
