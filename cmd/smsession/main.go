// Command smsession gives SMS conversations a memory: it answers Twilio's webhook, and keeps the sessions in Redis.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"smsession/internal/config"
	"smsession/internal/replica"
	"smsession/internal/terminal"
)

// Exit statuses. A second signal ends the process by the signal itself.
const (
	exitFailed     = 1 // the command could not start, or it failed
	exitBadCommand = 2 // the command line or a setting is wrong
)

// process has the parts of the process that commands use.
type process struct {
	hangup         <-chan os.Signal // gets SIGHUP
	stdout, stderr io.Writer
	transport      http.RoundTripper // for HTTP to other hosts; nil is http.DefaultTransport
}

func main() {
	hangup := make(chan os.Signal, 1) // buffered, so that a signal during the start is not lost
	signal.Notify(hangup, syscall.SIGHUP)
	signal.Ignore(syscall.SIGPIPE) // a replica must survive the end of the program that reads its log
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second signal ends the process
	replica.TuneCollector()
	os.Exit(run(ctx, &process{hangup: hangup, stdout: os.Stdout, stderr: os.Stderr}, os.Args[1:]))
}

// run parses the command line, runs the command and returns the exit status. ctx ends with the first SIGINT or SIGTERM.
func run(ctx context.Context, p *process, args []string) int {
	parser := kong.Must(&commands{},
		kong.Name("smsession"),
		kong.Description("SMS conversations with a memory: a webhook for Twilio, sessions in Redis.\n\n"+examples),
		kong.Writers(p.stdout, p.stderr))
	command, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(p.stderr, "smsession: the command line is wrong: %s\n", usageFault(err))
		return exitBadCommand
	}
	command.BindTo(ctx, (*context.Context)(nil))
	var faults config.Faults
	var fault commandFault
	switch err := command.Run(p); {
	case errors.As(err, &fault):
		fmt.Fprintf(p.stderr, "smsession: %s\n", sentence(fault))
		return exitBadCommand
	case errors.As(err, &faults):
		fmt.Fprintln(p.stderr, faults)
		return exitBadCommand
	case err != nil:
		fmt.Fprintf(p.stderr, "smsession: %s\n", sentence(err))
		return exitFailed
	}
	return 0
}

// sentence returns an error as one line. Other programs may have sent parts of it, so it is made safe for a terminal.
func sentence(err error) string {
	return terminal.Escape(strings.ReplaceAll(err.Error(), "\n", "; ")) // errors.Join puts each error on its own line
}
