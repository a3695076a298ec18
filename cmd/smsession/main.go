// Command smsession gives SMS conversations a memory: it answers Twilio's webhook, with the sessions in Redis.
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
	"smsession/internal/terminal"
)

// Exit statuses. A second signal ends the process by the signal itself.
const (
	exitFailed     = 1 // it could not start, or it failed
	exitBadCommand = 2 // the command line or a setting is wrong
)

// commands is the command line. Each command is a file of this package.
type commands struct {
	Serve   serveCommand   `cmd:"" help:"Run the service."`
	Dev     devCommand     `cmd:"" help:"Run the service with a Redis of its own; needs nothing installed or configured."`
	Phone   phoneCommand   `cmd:"" help:"Text a webhook as Twilio does, and see what the sender would get."`
	Load    loadCommand    `cmd:"" help:"Text a webhook from many phones at once, and prove that it counts every message once."`
	Ls      lsCommand      `cmd:"" help:"List the live conversations."`
	Show    showCommand    `cmd:"" help:"Show what Redis holds of a sender's conversations."`
	Watch   watchCommand   `cmd:"" help:"Show conversations as they begin, speak and end."`
	End     endCommand     `cmd:"" help:"End a sender's conversations, so that the next message begins a new one."`
	Webhook webhookCommand `cmd:"" help:"Show or set where Twilio posts the messages to a number."`
	Config  configCommand  `cmd:"" help:"Check the settings and print them, secrets masked."`
	Version versionCommand `cmd:"" help:"Print the version."`
	Health  healthCommand  `cmd:"" hidden:"" help:"Ask a replica on this host whether it is ready."`
}

// process is what a command has of the process that it runs in.
type process struct {
	ctx            context.Context  // ends with the first SIGINT or SIGTERM
	hangup         <-chan os.Signal // gets SIGHUP
	stdout, stderr io.Writer
	transport      http.RoundTripper // for HTTP to the outside; nil is http.DefaultTransport
}

func main() {
	hangup := make(chan os.Signal, 1) // buffered, so that a signal during the start is not lost
	signal.Notify(hangup, syscall.SIGHUP)
	tuneCollector()
	signal.Ignore(syscall.SIGPIPE) // a log reader that goes away must not take the replica with it
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second signal is not caught
	os.Exit(run(&process{ctx: ctx, hangup: hangup, stdout: os.Stdout, stderr: os.Stderr}, os.Args[1:]))
}

// run parses the command line, runs the command and returns the exit status.
func run(p *process, args []string) int {
	parser := kong.Must(&commands{},
		kong.Name("smsession"),
		kong.Description("SMS conversations with a memory: a webhook for Twilio, sessions in Redis.\n\n"+examples),
		kong.Writers(p.stdout, p.stderr))
	command, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(p.stderr, "smsession: the command line is wrong: %s; see smsession --help\n", usageFault(err))
		return exitBadCommand
	}
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

// sentence is an error on one line. Parts of it may be what others sent, so it does nothing to a terminal.
func sentence(err error) string {
	return terminal.Escape(strings.ReplaceAll(err.Error(), "\n", "; ")) // errors.Join puts its errors on lines
}

const examples = `Examples:

  smsession dev
  smsession phone hi "hi again" /again
  smsession load --duration 10s
  PUBLIC_URL=https://sms.example.com TWILIO_AUTH_TOKEN=... REDIS_URL=redis://localhost smsession serve
  PUBLIC_URL=https://sms.example.com TWILIO_ACCOUNT_SID=AC... TWILIO_AUTH_TOKEN=... smsession webhook set +15005550006 --dry-run
  REDIS_URL=redis://localhost smsession ls --sort idle
  smsession config --public-url https://sms.example.com`
