package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"smsession/internal/inspect"
	"smsession/internal/inspect/flags"
	"smsession/internal/terminal"
	"smsession/internal/usage"
)

// endCommand ends conversations.
type endCommand struct {
	flags.Changed
	Yes     bool     `name:"yes" short:"y" help:"End the conversations without asking."`
	Erase   bool     `name:"erase" help:"Delete everything about the conversations in Redis, for a person who asks to be forgotten. A late repeat of a message may then be counted again."`
	Numbers []string `arg:"" optional:"" name:"number" help:"The senders: +12025550143, whatsapp:+12025550143, or masked as ls prints it. - reads one number from each line of standard input."`
}

// Help is shown below the flags' summary.
func (c *endCommand) Help() string {
	return `The next message begins a new conversation. A message that is being answered at the same time is counted
either before the end or after it. Repeats of earlier messages still get their replies. With --to and no sender, end
ends every live conversation with that number of ours. It asks once, for all conversations together.

--erase deletes the record, the pointer and a record in quarantine, so repeats may be counted again. If a message is
being answered at that moment, the pointer, which contains the two numbers, may stay. A crash may have left a record
without a pointer. Both expire within SESSION_IDLE_TIMEOUT. A replica may keep the record in its memory until it is
restarted or has saved about 4,000 other conversations.

If a masked number fits several senders, or a token several sessions, and one of them is live, end ends that one. If
several or none are live, and with --erase, it lists them on stderr and changes none. It ends all conversations of a
sender, unless --to names one of our numbers.

end needs REDIS_URL and no Twilio secret. Without REDIS_URL, it uses a running smsession dev. If the service has
REDIS_WAIT_REPLICAS, set it for end, too: end then waits until the Redis replicas have the change. The exit status is 0
also if a conversation had ended before. It is 1 if a number has no conversation (the others are ended), if it is not
clear which one a masked number or a token means, if the answer was no, or if Redis cannot be read or written. It is 2
for a wrong command line or setting, and without --yes if stdin or stderr is not a terminal.

  smsession end +12025550143
  smsession end --token QehB1C
  smsession end +12025550143 --to +15005550006 --yes --json
  smsession end +12025550143 --erase
  smsession ls --json --reveal | jq -r 'select(.count > 50) | .from' | smsession end --yes -`
}

// Validate requires a choice of conversations.
func (c *endCommand) Validate() error {
	switch isMissing := len(c.Numbers) == 0 && c.Token == "" && c.To.Number == ""; {
	case isMissing && c.Yes && !terminal.Is(os.Stdin):
		return usage.Fault("NUMBER is missing: write - to read the numbers from standard input")
	case isMissing:
		return usage.Missing("NUMBER")
	case slices.Contains(c.Numbers, flags.Input) && !c.Yes:
		return usage.Fault("with -, standard input has the numbers and not your answer: use --yes")
	}
	return nil
}

// Run ends each conversation that was chosen. Without --yes, it asks first.
func (c *endCommand) Run(ctx context.Context, p *process) error {
	if !c.Yes && !(terminal.Is(os.Stdin) && terminal.Is(p.stderr)) {
		return usage.Fault("stdin or stderr is not a terminal: use --yes")
	}
	numbers, err := flags.ReadNumbers(ctx, c.Numbers, os.Stdin, p.stderr)
	if err != nil {
		return err
	}
	source, printer, err := c.Open(ctx, p.stdout, p.stderr, numbers...)
	if err != nil {
		return err
	}
	defer source.Pool.Close()
	filter := c.Filter(numbers...)
	filter.Ended = c.Erase || len(numbers) > 0 || c.Token != ""
	filter.LiveWins = !c.Erase // nothing is left to end in the others, but they can be erased
	found, err := source.Select(ctx, filter)
	if err != nil {
		return flags.Explain(err, printer, p.stderr)
	}
	unmatched := filter.Unmatched(found)
	for _, number := range unmatched {
		fmt.Fprintf(p.stderr, "smsession: there is no conversation of %s\n", terminal.Escape(number))
	}
	if !c.Yes && !c.confirm(ctx, p, source, printer, found) {
		return errors.New("nothing was changed, because the answer was not yes")
	}
	err = source.EndAll(ctx, found, c.Erase, printer.Ending)
	if err == nil && len(unmatched) > 0 {
		return fmt.Errorf("%d of %d numbers have no conversation", len(unmatched), len(filter.From))
	}
	return err
}

// confirm shows the conversations, asks once whether to end them, and reports whether the answer is yes.
func (c *endCommand) confirm(
	ctx context.Context, p *process, source inspect.Source, printer inspect.Printer, found []inspect.Conversation,
) bool {
	printer.Out, printer.JSON = p.stderr, false
	what, verb := "this conversation", "End"
	if len(found) > 1 {
		what = fmt.Sprintf("these %d conversations", len(found))
		_ = printer.Table(found)
	} else if whole, err := source.Find(ctx, found[0].Filter()); err == nil {
		_ = printer.Show(whole)
	}
	if c.Erase {
		verb = "Erase"
	}
	return terminal.Confirm(ctx, os.Stdin, p.stderr, verb+" "+what+"?")
}
