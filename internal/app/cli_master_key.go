package app

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/vault"
)

func (c *command) masterKey() *cobra.Command {
	group := &cobra.Command{Use: "master-key", Short: "Replace the key that wraps the instance's secrets"}
	group.AddCommand(c.jsonFlag(c.new("rotate", "Wrap the instance's secrets with a new master key, beside a running server", cobra.NoArgs, where, func(ctx context.Context, _ []string) error {
		d, err := db.Open(ctx, db.Config{URL: c.cfg.DatabaseURL, Dir: c.cfg.Data})
		if err != nil {
			return err
		}
		done, err := vault.Rotate(ctx, d, vault.Config{Key: c.cfg.MasterKey, File: c.cfg.MasterKeyFile}, c.cfg.NewMasterKey)
		if err = errors.Join(err, d.Close()); err != nil {
			if wrong, ok := errors.AsType[vault.WrongUse](err); ok {
				return usageError{wrong}
			}
			return err
		}
		return c.print(map[string]any{"secrets": done.Secrets, "file": done.File}, func(w io.Writer) {
			fmt.Fprintf(w, "%d secrets are wrapped with the new master key.\n", done.Secrets)
			if done.File != "" {
				fmt.Fprintf(w, "It is in %s. Copy that file to your other nodes and, in another place than the backups, to where you keep the master key.\n", done.File)
			} else {
				fmt.Fprintln(w, "Give it to every node as LEADFLIP_MASTER_KEY before the node is started again, and keep a copy of it.")
			}
			fmt.Fprintln(w, "Running nodes go on. Backups made before now need the former key: keep it as long as you keep them.")
		})
	})))
	return group
}
