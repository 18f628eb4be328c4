// Package lead keeps the records everything else is about: it takes leads in through
// one door for all (Intake), reads them one by one and page by page, and tells what
// happened to them.
//
// Invariants:
//
//   - A lead belongs to one environment for ever; every statement asks for it.
//   - A lead has one status in each pipeline its entity had when it came, and each
//     field's value is one its type accepts.
//   - Nothing sent is dropped without a word: a name that is not known is kept with
//     the lead as it was sent, and the caller is warned.
//   - Lead, statuses, notes, the event that tells of them and the answer for an
//     Idempotency-Key commit together, before the caller is answered.
//   - What a Principal may not see does not exist.
//
// Reading and checking happen before the transaction; inside it there are at most
// four short statements, because all writers of an instance share it.
package lead
