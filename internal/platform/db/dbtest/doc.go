// Package dbtest gives each test a database of its own, of both kinds: a fresh,
// migrated SQLite file and a fresh, migrated PostgreSQL database, gone when the
// test ends. Fresh databases are copies of one that was migrated once, so they
// cost milliseconds.
//
// PostgreSQL is the server of LEADFLIP_TEST_DATABASE_URL when that is set (the
// user in it must be allowed to create databases). Otherwise the first test that
// asks starts a private server for this test process, from the installed
// PostgreSQL binaries, and it goes away with the process however that ends.
// The command withpg does the same once for a whole "go test ./...".
//
// Where PostgreSQL cannot be had, tests on it are skipped, but fail when CI=true:
// a green run there means both databases.
package dbtest
