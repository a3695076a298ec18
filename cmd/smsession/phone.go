package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"smsession/internal/phone"
	"smsession/internal/target"
	"smsession/internal/terminal"
	"smsession/internal/texting"
	"smsession/internal/usage"
)

// phoneCommand sends messages from a phone in the terminal.
type phoneCommand struct {
	target.Flags
	target.Device
	From        usage.Address `name:"from" default:"+12025550143" placeholder:"NUMBER" help:"The sender; whatsapp:+1… for WhatsApp, and --to is then a WhatsApp number too (default +12025550143, which is fictitious)."`
	To          usage.Address `name:"to" default:"+15005550006" placeholder:"NUMBER" help:"Our number (default +15005550006, Twilio's test number)."`
	FollowHosts []string      `name:"follow-hosts" placeholder:"HOST" help:"Other hosts to which the webhook's redirects and TwiML may lead, HOST or HOST:PORT (default: ask in a terminal, otherwise follow to no other host)."`
	Verbose     bool          `name:"verbose" short:"v" help:"Show a line for each request and response, and the whole body of a 4xx or 5xx; with --json, all headers and bodies."`
	JSON        bool          `name:"json" help:"Print only one JSON object for each message on standard output."`

	Texts []string `arg:"" optional:"" name:"text" help:"Texts to send, or commands, one after the other (default: the lines of standard input)."`
}

// Help is shown below the flags' summary.
func (c *phoneCommand) Help() string {
	return `Without --url, phone sends messages to a running smsession dev. A text is sent unchanged, unless it begins with a
slash:

  ` + strings.Join(texting.Usage(), "\n  ") + `

Texts and commands are typed in a terminal, read as lines from a pipe, or given as arguments:

  smsession phone hi "hi again" /again "/burst 3"
  smsession phone --json /skip hi | jq -e '.ok and .replies[0].body == "Hello, thanks for the new message."'
  smsession phone --json "/forge hi" | jq -e '.exchanges[0].status == 403'

With --url, no auth token is needed: without one, the signature is made with a made-up token. After STOP, the sender is
opted out until START, as at Twilio, for as long as phone runs. A statusCallback is called with the status sent, and
then delivered. If the repeat of a message (/again) gets another reply, a resend by Twilio would act twice:

  smsession phone --url http://localhost:3000/sms hi /again
  smsession phone --url http://localhost:3000/sms --param FromCity=CHICAGO --opt-out off STOP

Twilio follows redirects and TwiML to any host. phone needs your permission to follow to another scheme, host or port
than those of --url and --fallback-url, because the request carries the cookies and a signature made with your token.

The exit status is 1 if Twilio would have logged an error for a message (a forged message that is refused has error
11217), if a repeat got another reply, if the webhook leads to another server that phone did not contact, or if no
webhook was found. It is 2 for a wrong line or command line. If the messages were typed in a terminal, it is 0 whatever
happened to them.`
}

// Validate checks the texts and the flags of the device.
func (c *phoneCommand) Validate() error {
	if err := texting.Check(c.Texts); err != nil {
		return usage.Fault(err.Error())
	}
	return c.Device.Validate()
}

// Run sends the texts of the command line, of a pipe or of a person at the terminal.
func (c *phoneCommand) Run(ctx context.Context, p *process) error {
	o, service, err := c.Find(ctx, p.stderr)
	if err != nil {
		return err
	}
	o.From, o.To = phone.Pair(c.From.Number, c.To.Number)
	in := texting.Open(ctx, c.Texts, p.stdout, p.stderr)
	defer in.Close()
	device, err := c.phone(o, in)
	if err != nil {
		return usage.Fault(err.Error())
	}
	person := &texting.Person{Phone: device, View: &texting.View{Out: p.stderr, JSON: p.stdout}}
	if !c.JSON {
		person.View = &texting.View{Out: p.stdout, From: o.From, To: o.To, Echo: !in.Typed, Verbose: c.Verbose}
		person.View.Colour = terminal.Is(p.stdout) && os.Getenv("NO_COLOR") == "" // see https://no-color.org
	}
	if service != nil {
		person.Elapse = func(ctx context.Context, d time.Duration) error { return service.Elapse(ctx, o.To, o.From, d) }
	}
	if in.Typed {
		note := "texting %s as %s at %s; /help lists the commands, Ctrl-D ends"
		_ = person.View.Note(fmt.Sprintf(note, o.To, o.From, target.Describe(o, service)))
	}
	switch err := person.Run(ctx, in.Next); {
	case in.Typed && errors.Is(err, context.Canceled):
		return nil // Ctrl-C is a normal end
	case err != nil || in.Typed: // the person has seen what went wrong
		return err
	case person.Tally.InvalidLines > 0:
		return usage.Fault(person.Tally.Err().Error())
	}
	return person.Tally.Err()
}

// phone makes the phone. An error means that a flag is wrong. With --json, a program reads the output, so phone never
// asks whether to follow to another host.
func (c *phoneCommand) phone(o phone.Options, in texting.Input) (*phone.Phone, error) {
	if c.JSON {
		in.Ask = nil
	}
	follower, err := texting.NewFollower(c.FollowHosts, in.Ask)
	if err != nil {
		return nil, fmt.Errorf("--follow-hosts: %w", err)
	}
	o = c.Device.Options(o)
	o.Follow = follower.Follow
	o.Trace = !c.JSON || c.Verbose // without --json, /verbose may ask for the bodies later
	return phone.New(o)
}
