// Command smsession answers the SMS messages that Twilio posts to it, and keeps the sessions of the conversations in
// Redis.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"smsession/internal/config"
	"smsession/internal/replica"
	"smsession/internal/terminal"
	"smsession/internal/usage"
)

// commands is the command line. Each command has its own file in this package.
type commands struct {
	Serve    serveCommand    `cmd:"" help:"Run the service."`
	Dev      devCommand      `cmd:"" help:"Run the service with its own Redis; nothing needs to be installed or configured."`
	Phone    phoneCommand    `cmd:"" help:"Send messages to a webhook as Twilio does, and show the replies."`
	Load     loadCommand     `cmd:"" help:"Send messages to a webhook from many phones at once, and prove that no message acts twice."`
	AppCheck appCheckCommand `cmd:"" name:"app-check" help:"Check that an app survives what Twilio, networks and crashes do."`
	Ls       lsCommand       `cmd:"" help:"List the live conversations."`
	Show     showCommand     `cmd:"" help:"Show what Redis stores about a sender's conversations."`
	Watch    watchCommand    `cmd:"" help:"Show conversations as they begin, continue and end."`
	End      endCommand      `cmd:"" help:"End a sender's conversations, so that the next message starts a new one."`
	Webhook  webhookCommand  `cmd:"" help:"Show or set the webhook of a Twilio number."`
	Config   configCommand   `cmd:"" help:"Check the settings and print them, with the secrets masked."`
	Health   healthCommand   `cmd:"" help:"Ask a replica on this host whether it is ready."`
	Version  versionCommand  `cmd:"" help:"Print the version."`

	Completion  completionCommand `cmd:"" help:"Print the script that completes the command line in bash, zsh or fish."`
	Complete    completeCommand   `cmd:"" hidden:"" help:"Print what may come next on a command line."`
	Man         manCommand        `cmd:"" help:"Print the manual page."`
	VersionFlag kong.VersionFlag  `name:"version" hidden:"" help:"Print the version."`
}

const description = `smsession answers SMS messages from Twilio and keeps the sessions of the conversations in Redis.

Examples:

  smsession dev
  smsession phone hi "hi again" /again
  smsession load --duration 10s
  smsession app-check http://localhost:3000/sms
  REDIS_URL=redis://localhost smsession ls --sort idle`

// Exit statuses. A second signal ends the process by the signal itself.
const (
	exitFailed     = 1 // the command could not start, or it failed
	exitBadCommand = 2 // the command line or a setting is wrong
)

// process has the parts of the process that commands use.
type process struct {
	hangup         <-chan os.Signal // receives SIGHUP
	stdout, stderr io.Writer
	transport      http.RoundTripper // for HTTP to other hosts; nil is http.DefaultTransport
}

func main() {
	// net/http logs what an app sends after its answer. It may be the rest of a message.
	log.SetOutput(io.Discard)
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
	vars := kong.Vars{"admin_addr": config.Defaults().AdminAddr, "version": "smsession " + version()}
	parser := kong.Must(&commands{}, kong.Name("smsession"), kong.Description(description),
		kong.Writers(p.stdout, p.stderr), vars)
	command, err := parser.Parse(usage.JoinNegatives(args))
	if err != nil {
		return p.report(usage.Explain(err))
	}
	command.BindTo(ctx, (*context.Context)(nil))
	return p.report(command.Run(p))
}

// report prints the error of a command and returns the exit status. It prints nothing and returns 0 if err is nil, or
// if the reader of standard output has stopped reading, as head does. A broken connection of the network is an error.
func (p *process) report(err error) int {
	if file, ok := errors.AsType[*fs.PathError](err); err == nil || ok && file.Err == syscall.EPIPE {
		return 0
	}
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted")
	}
	lines, status := []string{sentence(err)}, exitFailed
	if faults, ok := errors.AsType[config.Faults](err); ok {
		lines, status = faults, exitBadCommand
	} else if fault, ok := errors.AsType[usage.Fault](err); ok {
		lines, status = []string{sentence(fault)}, exitBadCommand
	}
	for _, line := range lines {
		fmt.Fprintf(p.stderr, "smsession: %s\n", line)
	}
	return status
}

// sentence returns the text of err as one line that is safe for a terminal: another program may have sent parts of it.
func sentence(err error) string {
	return terminal.Escape(strings.ReplaceAll(err.Error(), "\n", "; ")) // errors.Join puts each error on its own line
}
