package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/apikey"
	"github.com/leadflip/leadflip/internal/platform/id"
)

type personAction func(s *account.Service, ctx context.Context, who account.Principal, person id.ID) error

// keyFlags are the settings of a key as flags.
type keyFlags struct {
	name, purpose, expires, rate string
	scopes, ips, origins         []string
}

func (k *keyFlags) bind(f *pflag.FlagSet) {
	f.StringVar(&k.name, "name", "", "says where the key is used")
	f.StringVar(&k.purpose, "purpose", "", "what it is for")
	f.StringSliceVar(&k.scopes, "scopes", nil, "what it may do: leads:read,leads:write or '*' (default of a new key: entities:read,leads:read,leads:write)")
	f.StringVar(&k.expires, "expires", "", "after how long it ends: 24h, 90d, 1y or never (default 90d)")
	f.StringVar(&k.rate, "rate-limit", "", "calls a minute such as 600/min, or none (default 6000/min)")
	f.StringSliceVar(&k.ips, "ip-allow", nil, "addresses and networks it may be used from")
	f.StringSliceVar(&k.origins, "origins", nil, "web origins that may use it from a browser")
}

// settings are the flags that were given.
func (k *keyFlags) settings(f *pflag.FlagSet) apikey.Settings {
	var s apikey.Settings
	text := func(flag string, value *string, to **string) {
		if f.Changed(flag) {
			*to = value
		}
	}
	list := func(flag string, value *[]string, to **[]string) {
		if f.Changed(flag) {
			*to = value
		}
	}
	text("name", &k.name, &s.Name)
	text("purpose", &k.purpose, &s.Purpose)
	text("expires", &k.expires, &s.ExpiresIn)
	text("rate-limit", &k.rate, &s.Rate)
	list("scopes", &k.scopes, &s.Scopes)
	list("ip-allow", &k.ips, &s.IPAllow)
	list("origins", &k.origins, &s.Origins)
	return s
}

func (c *command) keys() *cobra.Command {
	group := &cobra.Command{Use: "keys", Short: "Make, list, rotate, disable and revoke API keys, beside a running server"}
	group.AddCommand(c.keysCreate(), c.keysList(), c.keysShow(), c.keysUsage(), c.keysEdit(), c.keysRotate(),
		c.keyState("disable", "Stop a key until it is enabled again", func(ctx context.Context, a *App, who account.Principal, k id.ID) (apikey.Key, error) {
			return a.Keys.Disable(ctx, who, k, nil)
		}),
		c.keyState("enable", "Let a disabled key work again", func(ctx context.Context, a *App, who account.Principal, k id.ID) (apikey.Key, error) {
			return a.Keys.Enable(ctx, who, k, nil)
		}),
		c.keyState("revoke", "End a key for good, at once, everywhere", func(ctx context.Context, a *App, who account.Principal, k id.ID) (apikey.Key, error) {
			r, err := a.Keys.Revoke(ctx, who, k, nil)
			return r.Key, err
		}))
	return group
}

func (c *command) keysCreate() *cobra.Command {
	var flags keyFlags
	var name, env string
	var cmd *cobra.Command
	cmd = c.jsonFlag(c.new("create --account NAME --env production --name NAME", "Make a key, owned by a service account, and print it once", cobra.NoArgs, where,
		func(ctx context.Context, _ []string) error {
			if name == "" || flags.name == "" {
				return usageError{errors.New("--account and --name are needed")}
			}
			in := flags.settings(cmd.Flags())
			if in.Scopes == nil {
				in.Scopes = new(apikey.DefaultScopes.Strings())
			}
			return c.withApp(ctx, func(a *App) error {
				who, err := a.Accounts.OperatorIn(ctx, name, env)
				if err != nil {
					return err
				}
				k, secret, err := a.Keys.Create(ctx, who, in, true, nil)
				if err != nil {
					return err
				}
				return c.print(apikey.CreatedBody{Body: apikey.NewBody(k, who.Account.Slug, nil, a.db.Now()), Key: secret.Reveal()}, func(w io.Writer) {
					fmt.Fprintf(w, "%s\n\nThis is the only time the key is shown. Name: %s, environment: %s, scopes: %s, ends: %s.\n", secret.Reveal(), k.Name, k.Environment.Name, k.Scopes, endText(k))
				})
			})
		}))
	flags.bind(cmd.Flags())
	cmd.Flags().StringVar(&name, "account", "", "the account's name or slug")
	cmd.Flags().StringVar(&env, "env", "production", "the environment's name or slug")
	return cmd
}

func endText(k apikey.Key) string {
	if k.ExpiresAt == nil {
		return "never"
	}
	return k.ExpiresAt.Format("2006-01-02 15:04 MST")
}

func (c *command) keysList() *cobra.Command {
	var name, env string
	cmd := c.jsonFlag(c.new("list --account NAME --env production", "List the keys of an environment, ended ones last", cobra.NoArgs, where, func(ctx context.Context, _ []string) error {
		if name == "" {
			return usageError{errors.New("--account is needed")}
		}
		return c.withApp(ctx, func(a *App) error {
			who, err := a.Accounts.OperatorIn(ctx, name, env)
			if err != nil {
				return err
			}
			rows, err := a.Keys.Overview(ctx, who)
			if err != nil {
				return err
			}
			bodies := []apikey.Body{}
			for _, r := range rows {
				bodies = append(bodies, apikey.NewBody(r.Key, who.Account.Slug, r.LastUse, a.db.Now()))
				if r.Old != nil {
					bodies = append(bodies, apikey.NewBody(r.Old.Key, who.Account.Slug, r.Old.LastUse, a.db.Now()))
				}
			}
			return c.print(map[string]any{"data": bodies}, func(w io.Writer) {
				fmt.Fprintln(w, "PUBLIC ID\tNAME\tKEY\tSTATUS\tLAST USED\tENDS\tSCOPES")
				for _, b := range bodies {
					used := "never"
					if b.LastUsed != nil {
						used = b.LastUsed.At.Format("2006-01-02 15:04") + " " + b.LastUsed.IP
					}
					end := "never"
					if b.ExpiresAt != nil {
						end = b.ExpiresAt.Format("2006-01-02")
					}
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", b.PublicID, b.Name, b.Masked, b.Status, used, end, strings.Join(b.Scopes, " "))
				}
			})
		})
	}))
	cmd.Flags().StringVar(&name, "account", "", "the account's name or slug")
	cmd.Flags().StringVar(&env, "env", "production", "the environment's name or slug")
	return cmd
}

// onKey makes a command that works on one key, named by UUID or public id.
func (c *command) onKey(use, short string, do func(ctx context.Context, a *App, who account.Principal, k apikey.Key) error) *cobra.Command {
	return c.jsonFlag(c.new(use, short, cobra.ExactArgs(1), where, func(ctx context.Context, args []string) error {
		return c.withApp(ctx, func(a *App) error {
			k, err := a.Keys.Find(ctx, args[0])
			if err != nil {
				return err
			}
			who, err := a.Accounts.OperatorIn(ctx, k.AccountID.String(), k.Environment.ID.String())
			if err != nil {
				return err
			}
			return do(ctx, a, who, k)
		})
	}))
}

func (c *command) keyState(verb, short string, do func(context.Context, *App, account.Principal, id.ID) (apikey.Key, error)) *cobra.Command {
	return c.onKey(verb+" ID", short, func(ctx context.Context, a *App, who account.Principal, k apikey.Key) error {
		after, err := do(ctx, a, who, k.ID)
		if err != nil {
			return err
		}
		return c.printKey(ctx, a, who, after)
	})
}

func (c *command) printKey(ctx context.Context, a *App, who account.Principal, k apikey.Key) error {
	row, err := a.Keys.RowOf(ctx, who, k.ID)
	if err != nil {
		return err
	}
	b := apikey.NewBody(k, who.Account.Slug, row.LastUse, a.db.Now())
	return c.print(b, func(w io.Writer) {
		fmt.Fprintf(w, "Name\t%s\nKey\t%s\nPublic id\t%s\nStatus\t%s\nEnvironment\t%s\nScopes\t%s\nRate limit\t%s\nEnds\t%s\n", b.Name, b.Masked, b.PublicID, b.Status, b.Environment,
			strings.Join(b.Scopes, " "), b.RateLimit, endText(k))
	})
}

func (c *command) keysShow() *cobra.Command {
	return c.onKey("show ID", "Show a key's settings and status", func(ctx context.Context, a *App, who account.Principal, k apikey.Key) error {
		return c.printKey(ctx, a, who, k)
	})
}

func (c *command) keysUsage() *cobra.Command {
	return c.onKey("usage ID", "Show what a key was used for in the last seven days", func(ctx context.Context, a *App, who account.Principal, k apikey.Key) error {
		rep, err := a.Keys.UsageReport(ctx, who, k.ID, "7d")
		if err != nil {
			return err
		}
		return c.print(apikey.NewUsageBody(rep), func(w io.Writer) {
			fmt.Fprintf(w, "%d calls in seven days, %d of them refused or failed.\n", rep.Sum.Total(), rep.Sum.Errors())
			for _, r := range rep.Routes {
				fmt.Fprintf(w, "%s\t%d\n", r.Route, r.Total())
			}
		})
	})
}

func (c *command) keysEdit() *cobra.Command {
	var flags keyFlags
	var cmd *cobra.Command
	cmd = c.onKey("edit ID", "Change a key's settings; only what is given changes", func(ctx context.Context, a *App, who account.Principal, k apikey.Key) error {
		after, err := a.Keys.Edit(ctx, who, k.ID, flags.settings(cmd.Flags()), nil, nil)
		if err != nil {
			return err
		}
		return c.printKey(ctx, a, who, after)
	})
	flags.bind(cmd.Flags())
	return cmd
}

func (c *command) keysRotate() *cobra.Command {
	var overlap string
	cmd := c.onKey("rotate ID", "Make a new secret for a key and print it once; the old one works on for the overlap", func(ctx context.Context, a *App, who account.Principal, k apikey.Key) error {
		length, problem := apikey.ParseOverlap(overlap)
		if problem != "" {
			return usageError{errors.New("--overlap: " + problem)}
		}
		r, secret, err := a.Keys.Rotate(ctx, who, k.ID, length, nil)
		if err != nil {
			return err
		}
		return c.print(apikey.RotatedBody{ID: r.New.ID, Key: secret.Reveal(), Replaces: r.Old, OldEndsAt: r.OldEndsAt}, func(w io.Writer) {
			fmt.Fprintf(w, "%s\n\nThis is the only time the key is shown. The old one works until %s.\n", secret.Reveal(), r.OldEndsAt.Format(time.RFC3339))
		})
	})
	cmd.Flags().StringVar(&overlap, "overlap", "24h", "how long the old key goes on working: 0, or up to 30d")
	return cmd
}
