package db

import "testing"

func TestParametersInOrderNeedNoNames(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"SELECT 1": "SELECT 1",
		"INSERT INTO t VALUES ($1, $2), ($3, $4)":             "INSERT INTO t VALUES (?, ?), (?, ?)",
		"SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11": "SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?",
		"SELECT a FROM t WHERE b = $1 OR c = $1":              "SELECT a FROM t WHERE b = $1 OR c = $1",
		"SELECT a FROM t WHERE b = $2 AND c = $1":             "SELECT a FROM t WHERE b = $2 AND c = $1",
		"SELECT '$2', \"$3\" FROM t WHERE a = $1":             "SELECT '$2', \"$3\" FROM t WHERE a = ?",
		"SELECT 'it''s $9' FROM t WHERE a = $1":               "SELECT 'it''s $9' FROM t WHERE a = ?",
		"SELECT j -> '$.a' FROM t WHERE a = $1":               "SELECT j -> '$.a' FROM t WHERE a = ?",
		"SELECT 'open $1":                                     "SELECT 'open $1",
		"SELECT $x":                                           "SELECT $x",
	} {
		if got := unnamed(text); got != want {
			t.Errorf("%s:\n got %s\nwant %s", text, got, want)
		}
	}
}
