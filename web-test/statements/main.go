// Command statements runs SQL on the SQLite database of a data folder, in one
// transaction. The pictures of the documentation need a past that nobody can call
// into being through the API:
//
//	go run ./web-test/statements FOLDER <statements.json
//
// Standard input is a list of {"sql": "…", "args": […]}.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/leadflip/leadflip/internal/platform/db"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: statements FOLDER <statements.json")
		os.Exit(2)
	}
	if err := run(context.Background(), os.Args[1], os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "statements:", err)
		os.Exit(1)
	}
}

type statement struct {
	SQL  string `json:"sql"`
	Args []any  `json:"args"`
}

func run(ctx context.Context, folder string, in io.Reader) error {
	var list []statement
	dec := json.NewDecoder(in)
	dec.UseNumber()
	if err := dec.Decode(&list); err != nil {
		return err
	}
	for _, s := range list {
		for i, arg := range s.Args {
			if number, ok := arg.(json.Number); ok {
				n, err := number.Int64()
				if err != nil {
					return err
				}
				s.Args[i] = n
			}
		}
	}
	d, err := db.Open(ctx, db.Config{Dir: folder})
	if err != nil {
		return err
	}
	err = d.Update(ctx, func(ctx context.Context, tx *db.Tx) error {
		for _, s := range list {
			if _, err := tx.Exec(ctx, s.SQL, s.Args...); err != nil {
				return fmt.Errorf("%s: %w", s.SQL, err)
			}
		}
		return nil
	})
	return errors.Join(err, d.Close())
}
