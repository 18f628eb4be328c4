package db

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
)

// stmtMax bounds the prepared statements that a connection keeps. The program has far fewer
// texts; only text made at run time (filters) could pass it, and then runs
// unprepared.
const stmtMax = 1024

// unnamed writes $1, $2, … as ? where they stand in this order and each once. To SQLite
// $1 is a name, and its driver looks the names of all parameters up one by one for each
// of them, which for the insert of many rows takes longer than the insert.
func unnamed(text string) string {
	var b strings.Builder
	last, n := 0, 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\'', '"':
			end := strings.IndexByte(text[i+1:], text[i])
			if end < 0 {
				return text
			}
			i += end + 1
		case '$':
			end := i + 1
			for end < len(text) && text[end] >= '0' && text[end] <= '9' {
				end++
			}
			if n++; text[i+1:end] != strconv.Itoa(n) {
				return text
			}
			b.WriteString(text[last:i])
			b.WriteByte('?')
			i, last = end-1, end
		}
	}
	return b.String() + text[last:]
}

// connStmts keeps prepared statements for the one writing connection. Only its
// owner's goroutine uses it.
type connStmts struct {
	conn   *sql.Conn
	byText map[string]*sql.Stmt
}

func newConnStmts(conn *sql.Conn) *connStmts {
	return &connStmts{conn: conn, byText: map[string]*sql.Stmt{}}
}

func (c *connStmts) prepare(ctx context.Context, text string) (*sql.Stmt, error) {
	if stmt := c.byText[text]; stmt != nil {
		return stmt, nil
	}
	if len(c.byText) >= stmtMax {
		return nil, nil
	}
	stmt, err := c.conn.PrepareContext(ctx, unnamed(text))
	if err != nil {
		return nil, err
	}
	c.byText[text] = stmt
	return stmt, nil
}

func (c *connStmts) exec(ctx context.Context, text string, args []any) (int64, error) {
	stmt, err := c.prepare(ctx, text)
	if err != nil {
		return 0, err
	}
	var res sql.Result
	if stmt == nil {
		res, err = c.conn.ExecContext(ctx, text, args...)
	} else {
		res, err = stmt.ExecContext(ctx, args...)
	}
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (c *connStmts) queue(ctx context.Context, text string, args []any) error {
	_, err := c.exec(ctx, text, args)
	return err
}

func (c *connStmts) query(ctx context.Context, text string, args []any) (Rows, error) {
	stmt, err := c.prepare(ctx, text)
	if err != nil {
		return nil, err
	}
	if stmt == nil {
		return c.conn.QueryContext(ctx, text, args...)
	}
	return stmt.QueryContext(ctx, args...)
}

func (c *connStmts) close() {
	for _, s := range c.byText {
		_ = s.Close()
	}
}
