package main

import (
	"context"

	"smsession/internal/inspect/flags"
	"smsession/internal/usage"
)

// showCommand shows what Redis contains about a sender's conversations.
type showCommand struct {
	flags.Chosen
	Number usage.Address `arg:"" optional:"" name:"number" help:"The sender: +12025550143, whatsapp:+12025550143, or masked as ls prints it."`
}

// Help is shown below the flags' summary.
func (c *showCommand) Help() string {
	return `Showing a conversation does not renew it. With --json, the records are printed unchanged, one on each line.
A record contains both phone numbers. What your own app has stored and replied is only shown with --reveal. A value that
cannot be read may contain the same, so --json leaves it out, too.

show needs REDIS_URL and no Twilio secret. Without REDIS_URL, it uses a running smsession dev. The exit status is 1 if
the number has no conversation, if a masked number or a token fits several (show then lists them on stderr), or if Redis
cannot be read. It is 2 for a wrong command line or setting.

  smsession show +12025550143
  smsession show --token QehB1C
  smsession show +12025550143 --to +15005550006 --json | jq .counter
  smsession show +12025550143 --reveal --json | jq .app`
}

// Validate requires a number or a token.
func (c *showCommand) Validate() error {
	if c.Number.Number == "" && c.Token == "" {
		return usage.Missing("NUMBER")
	}
	return nil
}

// Run prints each conversation of the sender.
func (c *showCommand) Run(ctx context.Context, p *process) error {
	source, printer, err := c.Open(ctx, p.stdout, p.stderr, c.Number)
	if err != nil {
		return err
	}
	defer source.Pool.Close()
	printer.RevealApp = c.Reveal
	found, err := source.Find(ctx, c.Filter(c.Number))
	if err != nil {
		return flags.Explain(err, printer, p.stderr)
	}
	return printer.Show(found)
}
