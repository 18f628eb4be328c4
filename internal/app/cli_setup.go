package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/db"
)

func (c *command) setup() *cobra.Command {
	var in account.NewAccount
	var byStdin bool
	cmd := c.jsonFlag(c.new("setup --email E --password-stdin --account NAME", "Make the first account with its owner, without a browser", cobra.NoArgs, append(where, "public-url", "addr"),
		func(ctx context.Context, _ []string) error {
			if in.Email == "" || in.Account == "" || !byStdin {
				return usageError{errors.New("--email, --account and --password-stdin are needed; the password is one line on standard input")}
			}
			var err error
			if in.Password, err = c.readLine("the password"); err != nil {
				return err
			}
			return c.withApp(ctx, func(a *App) error {
				made, _, err := a.Accounts.Setup(ctx, "", true, in, account.Origin{UserAgent: "leadflip setup"})
				if err != nil {
					return err
				}
				out := map[string]any{"account": made.Slug, "account_id": made.ID, "email": in.Email, "environment": "production", "entity": "leads"}
				return c.print(out, func(w io.Writer) {
					fmt.Fprintf(w, "Account\t%s (%s)\nOwner\t%s\nEnvironment\tProduction\nEntity\tLeads\nLog in\t%s/login\n", made.Name, made.Slug, in.Email, c.cfg.PublicURL)
				})
			})
		}))
	f := cmd.Flags()
	f.StringVar(&in.Email, "email", "", "the owner's e-mail address")
	f.StringVar(&in.Name, "name", "", "the owner's name (default: the part of the address before the @)")
	f.StringVar(&in.Account, "account", "", "the account's name")
	f.BoolVar(&byStdin, "password-stdin", false, "read the owner's password from standard input, one line")
	return cmd
}

func (c *command) people() *cobra.Command {
	group := &cobra.Command{Use: "people", Short: "Help people who are locked out, and stop those who left"}
	group.AddCommand(
		c.jsonFlag(c.new("reset EMAIL", "Print a one-time link with which a person sets a new password", cobra.ExactArgs(1), append(where, "public-url", "addr"),
			func(ctx context.Context, args []string) error {
				return c.withApp(ctx, func(a *App) error {
					token, err := a.Accounts.NewResetLink(ctx, args[0])
					if err != nil {
						return err
					}
					link := c.cfg.PublicURL + "/reset/" + token
					return c.print(map[string]string{"link": link, "valid_for": "30m"}, func(w io.Writer) {
						fmt.Fprintf(w, "%s\nIt works once, for 30 minutes.\n", link)
					})
				})
			})),
		c.person("suspend", "Take a member's access away, with the API keys they made", (*account.Service).Suspend),
		c.person("readmit", "Give a suspended member access again", (*account.Service).Readmit),
	)
	return group
}

func (c *command) person(verb, short string, do personAction) *cobra.Command {
	var name string
	cmd := c.jsonFlag(c.new(verb+" EMAIL --account NAME", short, cobra.ExactArgs(1), where, func(ctx context.Context, args []string) error {
		if name == "" {
			return usageError{errors.New("--account is needed")}
		}
		return c.withApp(ctx, func(a *App) error {
			who, err := a.Accounts.OperatorIn(ctx, name, "")
			if err != nil {
				return err
			}
			members, err := a.Accounts.Members(ctx, who)
			if err != nil {
				return err
			}
			for _, m := range members {
				if account.Fold(m.Person.Email) != account.Fold(args[0]) {
					continue
				}
				if err := do(a.Accounts, ctx, who, m.Person.ID); err != nil {
					return err
				}
				return c.print(map[string]any{"email": m.Person.Email, "done": verb}, func(w io.Writer) { fmt.Fprintf(w, "%s: done.\n", m.Person.Email) })
			}
			return fmt.Errorf("%s is not a member of %s", args[0], who.Account.Name)
		})
	}))
	cmd.Flags().StringVar(&name, "account", "", "the account's name or slug")
	return cmd
}

func (c *command) backup() *cobra.Command {
	return c.jsonFlag(c.new("backup FILE", "Write a checked copy of the SQLite database, beside a running server", cobra.ExactArgs(1), where, func(ctx context.Context, args []string) error {
		d, err := db.Open(ctx, db.Config{URL: c.cfg.DatabaseURL, Dir: c.cfg.Data})
		if err != nil {
			return err
		}
		if err := errors.Join(d.Backup(ctx, args[0]), d.Close()); err != nil {
			return err
		}
		info, err := os.Stat(args[0])
		if err != nil {
			return err
		}
		return c.print(map[string]any{"file": args[0], "bytes": info.Size(), "checked": true}, func(w io.Writer) {
			fmt.Fprintf(w, "%s: %d bytes, opened and checked.\nKeep the master key (%s) with it, but not in the same place.\n", args[0], info.Size(), c.cfg.MasterKeyFile)
		})
	}))
}

func (c *command) restore() *cobra.Command {
	return c.jsonFlag(c.new("restore FILE", "Put a backup in place of the SQLite database; refuses while a server runs", cobra.ExactArgs(1), where, func(ctx context.Context, args []string) error {
		if c.cfg.DatabaseURL != "" {
			return usageError{errors.New("this instance keeps its data in PostgreSQL; use pg_restore, then leadflip keys list")}
		}
		kept, err := db.RestoreSQLite(ctx, c.cfg.Data, args[0])
		if err != nil {
			return err
		}
		return c.withApp(ctx, func(a *App) error {
			n, err := a.Keys.DisableAll(ctx)
			if err != nil {
				return err
			}
			return c.print(map[string]any{"restored": args[0], "former": kept, "keys_disabled": n}, func(w io.Writer) {
				fmt.Fprintf(w, "Restored %s.\n", args[0])
				if kept != "" {
					fmt.Fprintf(w, "The former database is kept as %s.\n", kept)
				}
				fmt.Fprintf(w, "%d API keys were disabled, because some may have been revoked after the backup. Enable the ones you trust:\n  leadflip keys list --account NAME, leadflip keys enable ID\n", n)
			})
		})
	}))
}

// check is one line of doctor.
type check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

func (c *command) doctor() *cobra.Command {
	return c.jsonFlag(c.new("doctor", "Check the settings and the database, in plain words", cobra.NoArgs, nil, func(ctx context.Context, _ []string) error {
		checks := c.examine(ctx)
		failed := 0
		for _, k := range checks {
			if !k.OK {
				failed++
			}
		}
		if err := c.print(checks, func(w io.Writer) {
			for _, k := range checks {
				mark := "ok"
				if !k.OK {
					mark = "LOOK"
				}
				fmt.Fprintf(w, "%s\t%s\t%s\n", mark, k.Name, k.Detail)
			}
		}); err != nil {
			return err
		}
		if failed > 0 {
			return fmt.Errorf("%d of %d checks need a look", failed, len(checks))
		}
		return nil
	}))
}

func (c *command) examine(ctx context.Context) []check {
	var out []check
	add := func(ok bool, name, format string, args ...any) {
		out = append(out, check{name, ok, fmt.Sprintf(format, args...)})
	}
	a, err := Open(ctx, c.cfg, newLogger(c.cfg, io.Discard))
	if err != nil {
		add(false, "database", "%s", message(err))
		return out
	}
	defer func() { _ = a.Close() }() // nothing was written
	add(true, "database", "%s opens, its schema is current, its settings are as promised", a.db.Dialect())
	if a.db.Dialect() == db.SQLite {
		if err := db.CheckSQLite(ctx, a.db.Path()); err != nil {
			add(false, "integrity", "%s", err)
		} else {
			add(true, "integrity", "every page and reference is whole")
		}
		if info, err := os.Stat(c.cfg.Data); err == nil {
			add(info.Mode().Perm()&0o077 == 0, "data folder", "%s has mode %s; only its owner should read it", filepath.Clean(c.cfg.Data), info.Mode().Perm())
		}
	}
	if c.cfg.MasterKey != "" {
		add(true, "master key", "it comes from LEADFLIP_MASTER_KEY; keep a copy of it, but not where your backups are")
	} else if info, err := os.Stat(c.cfg.MasterKeyFile); err == nil {
		add(info.Mode().Perm()&0o077 == 0, "master key", "%s has mode %s; keep a copy of it, but not where your backups are", c.cfg.MasterKeyFile, info.Mode().Perm())
	}
	needed, err := a.Accounts.SetupNeeded(ctx)
	add(err == nil && !needed, "setup", "%s", map[bool]string{true: "there is no account yet; open the setup link that serve prints", false: "done"}[needed])
	host, _, _ := net.SplitHostPort(c.cfg.Addr)
	ip := net.ParseIP(host)
	local := host == "localhost" || ip != nil && ip.IsLoopback()
	switch {
	case c.cfg.TLSCert != "":
		add(true, "encryption", "this program speaks HTTPS itself")
	case len(c.cfg.Proxies) > 0:
		add(true, "encryption", "a proxy in front is trusted to say http or https; let it speak HTTPS")
	case local:
		add(true, "encryption", "only this machine can reach %s, so plain HTTP is fine", c.cfg.Addr)
	default:
		add(false, "encryption", "%s is reachable without TLS: API keys, passwords and leads travel readable; give --tls-cert and --tls-key, or put a proxy with HTTPS in front", c.cfg.Addr)
	}
	drift := time.Since(a.db.Now())
	add(drift < time.Minute && drift > -time.Minute && time.Now().Year() >= 2026, "clock", "the time is %s", time.Now().UTC().Format(time.RFC3339))
	return out
}
