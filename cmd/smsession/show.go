package main

import (
	"errors"
	"fmt"

	"smsession/internal/inspect"
	"smsession/internal/session"
)

// showCommand lays out what Redis holds of a sender's conversations.
type showCommand struct {
	operatorFlags
	To address `name:"to" placeholder:"NUMBER" help:"The number of ours (default: every one that the sender has a conversation with, for which it goes through all keys)."`

	From address `arg:"" name:"number" help:"The sender, the whole address as in a message: +15551234567, whatsapp:+15551234567."`
}

// Help is shown below the flags' summary.
func (c *showCommand) Help() string {
	return `It renews nothing. With --json it prints the record as Redis holds it, one a line; a record holds both phone numbers.

  smsession show +12025550143
  smsession show +12025550143 --to +15005550006 --json | jq .counter

It needs REDIS_URL and nothing else. The exit status is 1 if nothing is known of the number, or Redis cannot be asked.`
}

// Run prints each conversation of the sender.
func (c *showCommand) Run(p *process) error {
	source, err := c.source()
	if err != nil {
		return err
	}
	defer source.Pool.Close()
	looks, err := source.Look(p.ctx, string(c.To), string(c.From))
	if err != nil {
		return operated(err, readNeeds)
	}
	if len(looks) == 0 {
		return errUnknown
	}
	for i, look := range looks {
		if err := c.print(p, i, look); err != nil {
			return operated(err, "")
		}
	}
	return nil
}

// errUnknown is said of a number without quoting it.
var errUnknown = errors.New("no conversation of that number is known: it never texted, its session has ended by time, or it is written otherwise")

func (c *showCommand) print(p *process, i int, look inspect.Look) error {
	if !c.JSON {
		if i > 0 {
			fmt.Fprintln(p.stdout)
		}
		return look.Lay(p.stdout, c.names(c.From, c.To))
	}
	if look.Record == nil {
		return nil
	}
	if r, err := session.Parse(look.Record); err == nil && !r.Belongs(look.To, look.From) {
		return nil // whose it is was not asked for
	}
	_, err := fmt.Fprintf(p.stdout, "%s\n", inspect.SafeJSON(look.Record))
	return err
}
