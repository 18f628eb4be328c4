package app

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/leadflip/leadflip/internal/platform/config"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/obs"
)

// Exit codes of every command.
const (
	exitOK    = 0
	exitFail  = 1 // it failed
	exitUsage = 2 // wrong use
)

// usageError is a mistake in how the program was called.
type usageError struct{ error }

// command is what the subcommands share.
type command struct {
	cfg     config.Config
	io      IO
	environ []string
	format  string // of the log when no setting says
	json    bool
}

// Main runs the program and returns its exit code.
func Main(ctx context.Context, args, environ []string, in IO) int {
	c := &command{environ: environ}
	if f, ok := in.Err.(*os.File); ok {
		c.format = obs.LogFormat(f)
	}
	in.Err = obs.NewScrubber(in.Err)
	c.io = in
	root := &cobra.Command{
		Use: "leadflip", Short: "Capture, manage and pass on leads: web app and REST API in one program",
		SilenceErrors: true, SilenceUsage: true, CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("there is no command %q; see leadflip --help", args[0])}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetArgs(args)
	root.SetOut(in.Out)
	root.SetErr(in.Err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
	})
	root.AddCommand(c.serve(), c.setup(), c.keys(), c.people(), c.doctor(), c.backup(), c.restore(), c.masterKey(), c.openapi(), c.version())
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(in.Err, "leadflip:", message(err))
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	return exitFail
}

// message is an error as the operator reads it: one sentence, or one line for each
// wrong value.
func message(err error) string {
	var e *errs.Error
	if !errors.As(err, &e) {
		return strings.TrimSpace(err.Error())
	}
	if len(e.Fields) > 0 {
		lines := make([]string, len(e.Fields))
		for i, f := range e.Fields {
			lines[i] = strings.Trim(f.Pointer+f.Parameter, "/") + ": " + f.Detail
		}
		return strings.Join(lines, "\n  ")
	}
	if cause := errors.Unwrap(e); cause != nil && e.Code != errs.ValidationFailed {
		return e.Detail + " (" + cause.Error() + ")"
	}
	return e.Detail
}

// new makes a subcommand whose settings are flags and variables alike.
func (c *command) new(use, short string, args cobra.PositionalArgs, settings []string, run func(ctx context.Context, args []string) error) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: func(cmd *cobra.Command, given []string) error {
		if err := args(cmd, given); err != nil {
			return usageError{fmt.Errorf("%w; use: leadflip %s", err, cmd.UseLine()[len("leadflip "):])}
		}
		return nil
	}}
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		if err := c.cfg.Load(cmd.Flags(), c.environ); err != nil {
			return usageError{err}
		}
		if c.cfg.LogFormat == "" {
			c.cfg.LogFormat = c.format
		}
		return run(cmd.Context(), given)
	}
	c.cfg.Bind(cmd.Flags(), settings...)
	return cmd
}

// where are the settings of commands that work on the database beside a server.
var where = []string{"data", "database-url", "master-key-file"}

// withApp opens the rooms for one command and closes them again.
func (c *command) withApp(ctx context.Context, do func(a *App) error) error {
	a, err := Open(ctx, c.cfg, newLogger(c.cfg, c.io.Err))
	if err != nil {
		return err
	}
	return errors.Join(do(a), a.Close())
}

func (c *command) jsonFlag(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().BoolVar(&c.json, "json", false, "print JSON and nothing else on standard output")
	return cmd
}

// print writes v as JSON, or lets text write it for people.
func (c *command) print(v any, text func(w io.Writer)) error {
	if c.json {
		enc := json.NewEncoder(c.io.Out)
		enc.SetEscapeHTML(false)
		return enc.Encode(v)
	}
	tw := tabwriter.NewWriter(c.io.Out, 0, 4, 2, ' ', 0)
	text(tw)
	return tw.Flush()
}

func (c *command) serve() *cobra.Command {
	return c.new("serve", "Run the product", cobra.NoArgs, nil, func(ctx context.Context, _ []string) error {
		// A line a request: they leave together. What the program says when it ends
		// badly must be the last, so the buffer is empty before that.
		buffer := obs.NewBuffer(c.io.Err)
		defer buffer.Flush()
		log := obs.Prompt(newLogger(c.cfg, buffer), buffer)
		a, err := Open(ctx, c.cfg, log)
		if err != nil {
			return err
		}
		err = a.Serve(ctx, c.io.Out, buffer)
		if e := a.Close(); e != nil {
			log.Error("the database could not be closed", "error", e)
		}
		return err
	})
}

// readLine reads a secret from standard input: one line, without its end.
func (c *command) readLine(what string) (string, error) {
	line, err := bufio.NewReaderSize(io.LimitReader(c.io.In, 64<<10), 4096).ReadString('\n')
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		return "", usageError{fmt.Errorf("%s is expected as one line on standard input", what)}
	}
	return line, nil
}

func (c *command) openapi() *cobra.Command {
	return c.new("openapi", "Print the OpenAPI document of the REST API", cobra.NoArgs, []string{"-"}, func(context.Context, []string) error {
		_, err := c.io.Out.Write(OpenAPI())
		return err
	})
}

func (c *command) version() *cobra.Command {
	return c.jsonFlag(c.new("version", "Print the version", cobra.NoArgs, []string{"-"}, func(context.Context, []string) error {
		return c.print(map[string]string{"version": Version}, func(w io.Writer) { fmt.Fprintln(w, "leadflip", Version) })
	}))
}
