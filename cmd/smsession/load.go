package main

import (
	"context"
	"errors"

	"smsession/internal/dev"
	"smsession/internal/load"
	"smsession/internal/phone"
	"smsession/internal/terminal"
	"smsession/internal/usage"
)

// loadCommand is many phones at once.
type loadCommand struct {
	targetFlags
	To address `name:"to" default:"+15005550006" placeholder:"NUMBER" help:"Our number (default +15005550006, Twilio's test number)."`
	load.Options
	OwnHost bool `name:"i-own-this-host" help:"Allow a load of a host that is not this one."`
	JSON    bool `name:"json" help:"Print the report as one JSON object."`
}

// Help is shown below the flags' summary.
func (c *loadCommand) Help() string {
	return `Without --url, load sends messages to a running smsession dev. The senders are new numbers each time, from a range that is not assigned:

  smsession load --duration 10s
  smsession load --url http://localhost:8080/sms --public-url https://sms.example.com/sms --rate 500
  smsession load --messages 5000 --json | jq -e .proof.holds

The proof is made from the replies alone: in each conversation, every message must have been counted once and in order, whatever
was sent at once, sent again or lost. A service that leaves out replies (MAX_REPLIES_PER_MINUTE) or ends sessions early cannot pass.
If load is interrupted, it reports what was done until then.

The exit status is 1 if the proof fails, if Twilio would have logged an error, or if no webhook was found. It is 2 for a wrong command
line, for a host that is not this one, and for a webhook that leads to another server: load follows no redirect and no TwiML there.`
}

// Validate checks the bounds of the numbers.
func (c *loadCommand) Validate() error {
	if err := c.Check(); err != nil {
		return usage.Fault(err.Error())
	}
	return nil
}

// Run sends, and prints the report.
func (c *loadCommand) Run(ctx context.Context, p *process) error {
	o, _, err := c.target(ctx)
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
	o.To, o.Network = string(c.To), network
	if o.AccountSID == "" {
		o.AccountSID = "AC" + dev.RandomHex() // all phones are of one account
	}
	c.Phone = func(from string) (load.Sender, error) {
		o := o
		o.From = from
		return phone.New(o)
	}
	if _, err := c.Phone("-"); err != nil {
		return usage.Fault(err.Error())
	}
	c.Progress = p.stderr
	report, err := load.Run(ctx, c.Options)
	switch {
	case errors.Is(err, load.ErrLedAway):
		return usage.Fault(err.Error())
	case err != nil:
		return err
	case c.JSON:
		err = terminal.WriteJSON(p.stdout, report)
	default:
		err = report.WriteText(p.stdout)
	}
	if err := userError(err); err != nil {
		return err
	}
	return report.Err()
}
