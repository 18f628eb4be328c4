// Command leadflip is the whole product in one program: the web app, the REST API,
// the background work, and the commands for the operator.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/leadflip/leadflip/internal/app"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := app.Main(ctx, os.Args[1:], os.Environ(), app.IO{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	stop()
	os.Exit(code)
}
