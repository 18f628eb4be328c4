package db

import (
	"fmt"
	"strings"
)

// Dialect is the seam between the two databases: the few things that cannot be
// written the same for both.
type Dialect int

// The databases.
const (
	SQLite Dialect = iota
	Postgres
)

func (d Dialect) String() string {
	if d == Postgres {
		return "postgres"
	}
	return "sqlite"
}

// In is the condition "column is one of the list", where the list is parameter $n
// and its argument was made with List.
func (d Dialect) In(column string, n int) string {
	if d == Postgres {
		return fmt.Sprintf("%s = ANY($%d)", column, n)
	}
	return fmt.Sprintf("%s IN (SELECT value FROM json_each($%d))", column, n)
}

// List makes the argument for In, for a column of texts or ids.
func List[T fmt.Stringer](d Dialect, items []T) any {
	texts := make([]string, len(items))
	for i, it := range items {
		texts[i] = it.String()
	}
	if d == Postgres {
		return texts
	}
	return JSON(texts)
}

// ForUpdate ends a SELECT whose rows are about to be changed. SQLite needs none:
// there is one writer.
func (d Dialect) ForUpdate() string {
	if d == Postgres {
		return " FOR UPDATE"
	}
	return ""
}

// SkipLocked is ForUpdate that passes over rows that others have locked.
func (d Dialect) SkipLocked() string {
	if d == Postgres {
		return " FOR UPDATE SKIP LOCKED"
	}
	return ""
}

// ForUpdateOf is ForUpdate for one table of a join.
func (d Dialect) ForUpdateOf(alias string) string {
	if d == Postgres {
		return " FOR UPDATE OF " + alias
	}
	return ""
}

// ForShareOf ends a SELECT whose rows of one table must not change before the
// transaction ends.
func (d Dialect) ForShareOf(alias string) string {
	if d == Postgres {
		return " FOR SHARE OF " + alias
	}
	return ""
}

// IDType is the type of columns that hold ids, for a cast.
func (d Dialect) IDType() string {
	if d == Postgres {
		return "UUID"
	}
	return "TEXT"
}

// TxID is an expression for the number of the writing transaction: 0 on SQLite,
// whose writer is serial. It only rises, even when the database moves to another
// server.
func (d Dialect) TxID() string {
	if d == Postgres {
		return "(pg_current_xact_id()::text::bigint + (SELECT ahead FROM event_positions))"
	}
	return "0"
}

// TxIDAfter is TxID, but not less than what the query last returns. On PostgreSQL a
// transaction gets its number early and may then have to wait for the change of a later
// one; what it writes after that must not come before it. A number of a transaction that
// has ended is as good as its own: it is never one that readers have passed.
func (d Dialect) TxIDAfter(last string) string {
	if d == Postgres {
		return "GREATEST(" + d.TxID() + ", (" + last + "))"
	}
	return "0"
}

// Settled is the condition "every transaction up to the one in column has ended",
// so that a reader in the order of transactions can miss none.
func (d Dialect) Settled(column string) string {
	if d == Postgres {
		return column + " < pg_snapshot_xmin(pg_current_snapshot())::text::bigint + (SELECT ahead FROM event_positions)"
	}
	return "TRUE"
}

// JSONText reads a member of a JSON column as text, the same on both databases: NULL
// for an absent member and for null, true and false as such, numbers as they were
// written. The member is a name of the program or an id, never a user's text.
func (d Dialect) JSONText(column, member string) string {
	if strings.ContainsFunc(member, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-'
	}) {
		panic(fmt.Sprintf("db: %q must not become part of a statement", member))
	}
	if d == Postgres {
		return fmt.Sprintf("(%s ->> '%s')", column, member)
	}
	// ->> alone would turn true into 1 and 1.50 into 1.5.
	return fmt.Sprintf(`(CASE json_type(%[1]s, '$."%[2]s"') WHEN 'text' THEN %[1]s ->> '$."%[2]s"' WHEN 'null' THEN NULL ELSE %[1]s -> '$."%[2]s"' END)`, column, member)
}

// Like escapes a user's text for LIKE … ESCAPE '\' as a "contains" pattern. Case is
// folded by the caller, in Go, against a folded column.
func Like(text string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text) + "%"
}
