// Package account knows who may act: accounts, their environments, the people in
// them with a role, their logins and sessions.
//
// Invariants:
//
//   - An environment is a wall. A Principal belongs to exactly one, and every query
//     of customer data is asked with its id.
//   - Rights are read from the database at each request. Suspending a member, a
//     changed role or an ended session bites at the next request on every node.
//   - Passwords are kept as argon2id, session and link tokens as SHA-256; none can
//     be read back.
//   - An account always keeps at least one active owner.
//   - What a Principal may not see does not exist: the answer is the same as for
//     something missing.
//   - A login tells nothing about who exists: the same text for the same work.
//   - Passwords and logins travel encrypted or on loopback only, unless the operator
//     allowed plain HTTP; then logins are short and every page says so.
//   - A change that asks for a fresh proof of who makes it is not made without one.
package account
