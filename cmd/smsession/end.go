package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"

	"smsession/internal/inspect"
	"smsession/internal/inspect/flags"
	"smsession/internal/terminal"
	"smsession/internal/usage"
)

// endCommand ends a sender's conversations.
type endCommand struct {
	flags.Sender
	Yes   bool `name:"yes" short:"y" help:"End the conversations without asking."`
	Erase bool `name:"erase" help:"Delete everything about the conversation in Redis, for a person who asks to be forgotten. A late repeat of a message may then be counted again."`
}

// Help is shown below the flags' summary.
func (c *endCommand) Help() string {
	return `The next message begins a new conversation. A message that is being answered at the same time is counted
either before the end or after it. Repeats of earlier messages still get their replies.

--erase deletes the record, the pointer and a record in quarantine, so repeats may be counted again. If a message is
being answered at that moment, the pointer, which contains the two numbers, may stay. A crash may have left a record
without a pointer. Both expire within SESSION_IDLE_TIMEOUT. A replica may keep the record in its memory until it is
restarted or has saved about 4,000 other conversations.

end needs REDIS_URL and no Twilio secret. The exit status is 0 also if the conversation had ended before. It is 1 if the
number has no conversation, if the answer was no, or if Redis cannot be read or written. It is 2 for a wrong command
line or setting, and without --yes if stdin or stderr is not a terminal.

  smsession end +12025550143
  smsession end +12025550143 --to +15005550006 --yes --json
  smsession end +12025550143 --erase`
}

// Run ends each conversation of the sender. Without --yes, it asks first.
func (c *endCommand) Run(ctx context.Context, p *process) error {
	if !c.Yes && !(terminal.Is(os.Stdin) && terminal.Is(p.stderr)) {
		return usage.Fault("stdin or stderr is not a terminal: use --yes")
	}
	source, printer, err := c.Open(p.stdout, c.To, c.From)
	if err != nil {
		return err
	}
	defer source.Pool.Close()
	found, err := source.Find(ctx, c.To.Number, c.From.Number)
	if err != nil {
		return err
	}
	if !c.Yes && !c.confirm(ctx, p, printer, found) {
		return errors.New("nothing was changed, because the answer was not yes")
	}
	var unprinted error // it does not keep the other conversations from ending
	for _, snapshot := range found {
		ending, err := source.End(ctx, snapshot.To, snapshot.From, c.Erase)
		if err != nil {
			return err
		}
		unprinted = cmp.Or(unprinted, printer.Ending(ending))
	}
	return unprinted
}

// confirm shows the conversations, asks whether to end them, and reports whether the answer is yes.
func (c *endCommand) confirm(ctx context.Context, p *process, printer inspect.Printer, found []inspect.Snapshot) bool {
	printer.Out, printer.JSON = p.stderr, false
	_ = printer.Show(found)
	what, verb := "this conversation", "End"
	if len(found) > 1 {
		what = fmt.Sprintf("these %d conversations", len(found))
	}
	if c.Erase {
		verb = "Erase"
	}
	return terminal.Confirm(ctx, os.Stdin, p.stderr, verb+" "+what+"?")
}
