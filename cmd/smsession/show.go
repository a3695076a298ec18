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
A record contains both phone numbers.

show needs REDIS_URL and no Twilio secret. The exit status is 1 if the number has no conversation or Redis cannot be
read. It is 2 for a wrong command line or setting.

  smsession show +12025550143
  smsession show +12025550143 --to +15005550006 --json | jq .counter`
}

// Run prints each conversation of the sender.
func (c *showCommand) Run(ctx context.Context, p *process) error {
	source, printer, err := c.Open(p.stdout, c.To, c.From)
	if err != nil {
		return err
	}
	defer source.Pool.Close()
	found, err := source.Find(ctx, string(c.To), string(c.From))
	if err != nil {
		return err
	}
	return printer.Show(found)
}
