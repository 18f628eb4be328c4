// Package db is the one door to the database: SQLite in a file by default,
// PostgreSQL when a URL says so, with one SQL text for both.
//
// It guarantees:
//
//   - Update is all or nothing, and durable before it returns nil. On SQLite the
//     closures that are waiting share one commit (group commit), each in its own
//     savepoint, so one that fails takes nothing from its neighbours. On PostgreSQL
//     a closure is one transaction, repeated on serialisation failure and deadlock.
//   - Closures may run more than once and must therefore be pure: everything they
//     do, they do through the Tx. They never see the caller's context.
//   - Reads through the DB never write; the reading connections are opened so that
//     they cannot.
//   - SQLite runs with WAL, synchronous=FULL, foreign keys and a busy timeout; each
//     is read back at start, and a start without them is refused. A failed fsync is
//     reported to Config.Fatal and nothing is acknowledged afterwards.
//   - A schema newer than the program is refused; an older one is copied (SQLite)
//     and migrated forward under a lock.
//
// What differs between the two databases lives in dialect.go and nowhere else.
package db
