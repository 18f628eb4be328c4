// Package lead keeps the records everything else is about: it takes leads in through
// one door for all (Intake, Bulk), changes them, reads them one by one and list by list,
// and tells what happened to them.
//
// Invariants:
//
//   - A lead belongs to one environment for ever; every statement asks for it.
//   - A lead has one status in each pipeline of its entity, and each field's value is
//     one its type accepts.
//   - Nothing sent is dropped without a word: a name that is not known is kept with
//     the lead as it was sent, and the caller is warned.
//   - Two equal leads that arrive at the same moment are found to be duplicates, as two
//     that arrive one after the other are.
//   - Lead, statuses, notes, keys, the event that tells of them and the answer for an
//     Idempotency-Key commit together, before the caller is answered.
//   - Rows beside a lead (keys, search, encrypted values) are computed from its values
//     and the entity's definition, in one place: store in stored.go. When the definition
//     changes, a task makes them anew (tasks.go).
//   - Values of encrypted fields leave the package only to who may read the lead; in the
//     database, in events and in kept answers they are closed.
//   - What a Principal may not see does not exist.
//
// Reading and checking happen before the transaction; inside it there are a few short
// statements, because all writers of an instance share it. Every change goes through
// work (work.go), whichever door it came by.
package lead
