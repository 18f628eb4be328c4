// Package e2e runs whole flows as scripts against the real binary, each on SQLite
// and on PostgreSQL. A script reads like a session at a terminal; every security
// fault that was ever found leaves one behind.
//
// Besides the commands of testscript there are:
//
//	leadflip ARG...            runs the binary with the script's database
//	serve NAME [FLAG...]       starts a server on a free port and waits until it is ready; sets $NAME to its address (and $NAME_ADDR without the scheme)
//	end NAME [term|kill]       ends it; with term the exit code must be 0
//	http METHOD URL [Header: value ...] [@file | body]
//	                           sends a request; standard output is the status, the headers, an empty line, the body
//	field NAME PATH            sets $NAME to a member of the last JSON body, e.g. data.0.id
//	await URL KEY PATTERN      sends GET until the body matches, at most ten seconds
//
// The other tests let the program live through what goes wrong: it is killed, its
// database is killed, the wire to it is cut, its disk fills up or fails, far more arrives
// than it can do, or just everything at once for a long time. A load of all kinds runs
// meanwhile (load_test.go), and afterwards all that was acknowledged is compared with all
// that is stored (state_test.go). What is random comes from a printed seed;
// LEADFLIP_TEST_SEED takes it again, and LEADFLIP_TEST_ROUNDS makes the tests long (make
// soak).
package e2e
