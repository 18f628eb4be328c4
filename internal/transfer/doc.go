// Package transfer carries leads out in bulk: all leads of a query as one file, CSV,
// XLSX or JSON lines.
//
// Invariants:
//
//   - An export holds what its caller may export, and nothing of another environment or
//     entity. It is written to the audit log before its first byte leaves.
//   - Everything that can be refused is refused before the first byte. What fails later,
//     and the end of the key, breaks the connection off: a part of a file never looks
//     like all of it.
//   - Memory does not grow with the number of leads, and no transaction stays open while
//     the caller reads.
//   - No cell of a table is a formula to a program that opens it.
//   - The exports of a key and those of all keys are bounded.
//
// Leads that change during an export are in it as they were or as they are.
package transfer
