package main

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"smsession/internal/load"
	"smsession/internal/phone"
	"smsession/internal/target"
	"smsession/internal/terminal"
	"smsession/internal/usage"
)

// loadCommand sends messages from many phones at once.
type loadCommand struct {
	target.Flags
	To usage.Address `name:"to" default:"+15005550006" placeholder:"NUMBER" help:"Our number (default +15005550006, Twilio's test number)."`

	Conversations int            `name:"conversations" default:"2000" placeholder:"N" help:"Number of conversations at the same time (default 2000)."`
	InFlight      int            `name:"in-flight" default:"64" placeholder:"N" help:"Number of deliveries at the same time, at least --burst (default 64)."`
	Duration      *time.Duration `name:"duration" placeholder:"DURATION" help:"For how long new messages are sent (default 30s; with --messages, until they are sent)."`
	Messages      int            `name:"messages" default:"0" placeholder:"N" help:"How many messages to send at most, repeats not counted (default 0, no limit)."`
	Rate          float64        `name:"rate" default:"0" placeholder:"N" help:"Messages a second, whether they are answered or not; latency is then measured from the time at which a message was due (default 0: a message is sent when an earlier one is answered)."`
	Burst         int            `name:"burst" default:"5" placeholder:"N" help:"Every tenth round of a conversation is this many messages at once; 1 for no bursts (default 5)."`
	FirstRace     float64        `name:"first-race" default:"0.1" placeholder:"SHARE" help:"Share of conversations, 0 to 1, that begin with a burst (default 0.1)."`
	Resend        float64        `name:"resend" default:"0.1" placeholder:"SHARE" help:"Share of messages, 0 to 1, that are delivered again, half of them at once and half later (default 0.1)."`
	LoseCookies   float64        `name:"lose-cookies" default:"0.05" placeholder:"SHARE" help:"Share of deliveries, 0 to 1, that carry no cookies (default 0.05)."`
	Expect        string         `name:"expect" default:"auto" placeholder:"WHAT" help:"What to check about counts: count (each message is counted once, and the replies are the tutorial's texts), none, or a regular expression with one group for the count in a reply (default: count, if the webhook answers with the tutorial's texts). Repeats are always checked."`

	OwnHost bool `name:"i-own-this-host" help:"Allow load on another host. Use it only for a host that is yours."`
	JSON    bool `name:"json" help:"Print the report as one JSON object."`
}

// Help is shown below the flags' summary.
func (c *loadCommand) Help() string {
	return `Without --url, load sends messages to a running smsession dev. It prints which webhook it tests on standard error. The
senders are new numbers each time, from a range that is not assigned:

  smsession load --duration 10s
  smsession load --url http://localhost:8080/sms --public-url https://sms.example.com/sms --rate 500
  smsession load --messages 5000 --json | jq -e .proof.holds
  smsession load --url http://localhost:3000/sms --expect 'You have (\d+) items'
  smsession load --url http://localhost:3000/sms --param 'Body=order 2 pizza'

The proof is made from the replies alone. A message that is sent again must get the same reply as the first time. If the
webhook counts, every message of a conversation must also have been counted once and in order, even if messages were
sent at once, were sent again or lost their cookies. Before the load, two messages in a conversation of their own show
whether it counts: it does if one of them is answered with a text of Twilio's tutorial. A service that leaves out
replies (MAX_REPLIES_PER_MINUTE) or ends sessions early cannot pass. If all messages get the same reply, a repeat that
acts again does not show: use --param to send words that the webhook acts on. smsession keeps the last 8 replies of an
app (APP_URL), so a --burst of more than 8 can ask it for one that it no longer has. If load is interrupted, it reports.

The exit status is 1 if the proof fails, if nothing was proved, if Twilio would have logged an error, or if no webhook
was found. It is 2 for a wrong command line, for a host that is not this one, and for a webhook that leads to another server: load follows no
redirect and no TwiML there.`
}

// options returns the options of the flags. The phones are missing. The error is about --expect.
func (c *loadCommand) options() (load.Options, error) {
	expect, err := load.ParseExpectation(c.Expect)
	o := load.Options{
		Conversations: c.Conversations, InFlight: c.InFlight, Duration: c.Duration, Messages: c.Messages, Rate: c.Rate,
		Burst: c.Burst, FirstRace: c.FirstRace, Resend: c.Resend, LoseCookies: c.LoseCookies, Expect: expect,
	}
	if c.Duration == nil && c.Messages == 0 {
		o.Duration = new(30 * time.Second)
	}
	return o, err
}

// Validate checks the bounds of the numbers, and what is expected.
func (c *loadCommand) Validate() error {
	o, err := c.options()
	if err = cmp.Or(err, o.Check()); err != nil {
		return usage.Fault(err.Error())
	}
	return nil
}

// Run sends the messages and prints the report.
func (c *loadCommand) Run(ctx context.Context, p *process) error {
	o, service, err := c.Find(ctx, p.stderr)
	if err != nil {
		return err
	}
	network := new(phone.Network)
	defer network.Close()
	if !c.OwnHost {
		if err := load.Loopback(ctx, o.Webhook, o.Fallback); err != nil {
			return usage.Fault(err.Error())
		}
		network.Permit = load.Permit
	}
	o.To, o.Network = c.To.Number, network
	l, _ := c.options() // Validate has found no error
	l.Progress = p.stderr
	announce := sync.OnceFunc(func() { // on standard error, so that a filter of the report does not hide it
		_, _ = fmt.Fprintf(p.stderr, "testing %s\n", target.Describe(o, service))
	})
	l.Phone = func(from string) (load.Sender, error) {
		o := o
		o.From = from
		sender, err := phone.New(o)
		if err == nil {
			announce()
		}
		return sender, err
	}
	report, err := load.Run(ctx, l)
	switch {
	case err != nil: // the phones' options are wrong, or the webhook leads to another server
		return usage.Fault(err.Error())
	case c.JSON:
		err = terminal.WriteJSON(p.stdout, report)
	default:
		err = report.WriteText(p.stdout)
	}
	return cmp.Or(report.Err(), err) // a failed proof is the error even if the report cannot be written
}
