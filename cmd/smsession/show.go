package main

import (
	"context"

	"smsession/internal/inspect/flags"
)

// showCommand shows what Redis contains about a sender's conversations.
type showCommand struct {
	flags.Sender
}

// Help is shown below the flags' summary.
func (c *showCommand) Help() string {
	return `Showing a conversation does not renew it. With --json, the records are printed unchanged, one on each line.
A record contains both phone numbers. What your own app has stored and replied is only shown with --reveal. A value that
cannot be read may contain the same, so --json leaves it out, too.

show needs REDIS_URL and no Twilio secret. The exit status is 1 if the number has no conversation or Redis cannot be
read. It is 2 for a wrong command line or setting.

  smsession show +12025550143
  smsession show +12025550143 --to +15005550006 --json | jq .counter
  smsession show +12025550143 --reveal --json | jq .app`
}

// Run prints each conversation of the sender.
func (c *showCommand) Run(ctx context.Context, p *process) error {
	source, printer, err := c.Open(p.stdout, c.To, c.From)
	if err != nil {
		return err
	}
	defer source.Pool.Close()
	printer.RevealApp = c.Reveal
	found, err := source.Find(ctx, c.To.Number, c.From.Number)
	if err != nil {
		return err
	}
	return printer.Show(found)
}
