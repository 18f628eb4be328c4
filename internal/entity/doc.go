// Package entity is an account's own definition of what a lead is: its fields, its
// pipelines and how values of each type are read, kept and shown.
//
// Invariants:
//
//   - A field is known by its id for ever; key and label may change. Values of leads
//     are kept under the id.
//   - No two fields of an entity can be meant by the same name: keys, old keys and
//     labels stay apart even without regard to case, spaces, underscores and dashes.
//   - Every pipeline has at least one status and exactly one default.
//   - What was deleted is out of the definition at once. The values of a deleted field
//     are kept until they are purged; the leads of a deleted status count as being in
//     the one that takes them.
//   - Work on all leads that a change makes necessary is a task, written with the
//     change. Whoever keeps the leads carries it out.
//   - Every change of a definition makes its version grow in the same transaction,
//     so whoever prepared something by an older version can notice.
//   - A value is accepted as it is, after the normalisation its type documents, or
//     refused with a sentence that says how to mend it. Nothing else is changed.
//
// Definitions belong to the account and are shared by its environments. The package
// knows no lead.
package entity
