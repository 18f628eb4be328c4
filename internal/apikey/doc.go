// Package apikey is machine credentials: mint, show once, verify, watch, rotate,
// revoke.
//
// Invariants:
//
//   - A key is known by its SHA-256 only. The secret is in exactly one answer and
//     nowhere else: no list, log, audit entry, event or stored answer has it.
//   - One indexed read of the database decides every request. Nothing about keys is
//     cached, so whatever changes a key bites at the next request on every node.
//   - A key belongs to one environment. Its effective rights are its scopes cut by
//     what the person who made it may do at that moment; keys of a service account
//     have their scopes alone.
//   - A key never makes or widens a key beyond itself, and one that is being revoked
//     cannot leave another behind that the answer did not name.
//   - One function ends keys (kill); no way leads back from revoked.
//   - Usage is gathered in memory and written every ten seconds at most; it never
//     blocks a request. A key's very first use is written at once.
//
// It never logs in people, and never sends anything outside.
package apikey
