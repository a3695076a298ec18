package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"smsession/internal/inspect"
	"smsession/internal/session"
)

// endCommand ends a sender's conversations.
type endCommand struct {
	operatorFlags
	To    address `name:"to" placeholder:"NUMBER" help:"The number of ours (default: every one that the sender has a conversation with, for which it goes through all keys)."`
	Yes   bool    `name:"yes" short:"y" help:"Do not ask."`
	Erase bool    `name:"erase" help:"Delete what Redis holds of the conversation, for somebody who asks to be forgotten. A late repeat of a message may then count again."`

	From address `arg:"" name:"number" help:"The sender, the whole address as in a message: +15551234567, whatsapp:+15551234567."`
}

// Help is shown below the flags' summary.
func (c *endCommand) Help() string {
	return `The next message begins a new conversation. A message that is being answered meanwhile is counted before the end or after it, and
repeats of earlier messages still get their replies. With --erase they may count again: nothing is left that knows them.
--erase deletes the record, the pointer and a record in quarantine; a message that is being answered at that moment may leave the pointer,
which holds the two numbers, and what a crash has left expires by itself: both within SESSION_IDLE_TIMEOUT. A replica may remember the record in its memory until it is restarted or has saved some 4,000 other
conversations.

  smsession end +12025550143
  smsession end +12025550143 --to +15005550006 --yes --json
  smsession end +12025550143 --erase

It needs REDIS_URL and nothing else. The exit status is 0 if the conversation is at its end, also if it was before; 1 if nothing is
known of the number, the answer was no, or Redis cannot be asked; 2 for a wrong command line or setting, and without --yes where
nobody can be asked.`
}

const endNeeds = "SCAN, GET, STRLEN, PTTL, SET, DEL, TYPE, EVAL and EVALSHA"

// Run asks, and ends each conversation of the sender.
func (c *endCommand) Run(p *process) error {
	if !c.Yes && !(isTerminal(os.Stdin) && isTerminal(p.stderr)) {
		return commandFault("nobody can be asked whether to end the conversation: say --yes")
	}
	source, err := c.source()
	if err != nil {
		return err
	}
	defer source.Pool.Close()
	looks, err := source.Look(p.ctx, string(c.To), string(c.From))
	if err != nil {
		return operated(err, endNeeds)
	}
	if len(looks) == 0 {
		return errUnknown
	}
	if !c.Yes {
		if err := c.confirm(p, looks); err != nil {
			return err
		}
	}
	for _, look := range looks {
		if err := c.end(p, source, look); err != nil {
			return err
		}
	}
	return nil
}

// confirm asks the person at the terminal. Only a yes is one.
func (c *endCommand) confirm(p *process, looks []inspect.Look) error {
	for _, look := range looks {
		_ = look.Lay(p.stderr, c.names(c.From, c.To))
	}
	what := "End"
	if c.Erase {
		what = "Erase"
	}
	if !confirmed(p.ctx, p.stderr, what+" "+conversations(len(looks))+"?") {
		return errors.New("nothing was changed")
	}
	return nil
}

func conversations(n int) string {
	if n == 1 {
		return "this conversation"
	}
	return fmt.Sprintf("these %d conversations", n)
}

// end ends or erases one conversation, and says what it did.
func (c *endCommand) end(p *process, source inspect.Source, look inspect.Look) error {
	ctx, cancel := context.WithTimeout(p.ctx, operatorPatience)
	defer cancel()
	done := inspect.Ending{To: look.To, From: look.From}
	if c.Erase {
		found, err := session.Erase(ctx, source.Pool.Pool, source.Keys, look.To, look.From)
		if err != nil {
			return c.unfinished(err)
		}
		done.What = inspect.Erased
		if !found {
			done.What = inspect.NothingThere
		}
		return operated(done.Print(p.stdout, c.names(c.From, c.To), c.JSON), endNeeds)
	}
	was, err := session.End(ctx, source.Pool.Pool, source.Keys, look.To, look.From)
	if err != nil {
		return c.unfinished(err)
	}
	switch {
	case was == nil:
		done.What = inspect.NothingThere
	case !was.Ended.IsZero():
		done.What = inspect.EndedBefore
	default:
		done.What, done.Count = inspect.Ended, was.Counter
	}
	return operated(done.Print(p.stdout, c.names(c.From, c.To), c.JSON), endNeeds)
}

// unfinished says of an error what it leaves open. An end is one step: what was refused, interrupted or out of time before
// it was not done. To erase takes several, and any of them may be the one that failed.
func (c *endCommand) unfinished(err error) error {
	said := operated(err, endNeeds)
	if said == nil { // a connection to Redis can break as a pipe does
		said = err
	}
	switch {
	case errors.Is(err, session.ErrNewer):
		return fmt.Errorf("%w: use the smsession that wrote it", err)
	case c.Erase:
		return fmt.Errorf("the conversation may be erased in part; look with smsession show, and erase it again: %w", said)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), refusedByRedis(err):
		return said
	}
	return fmt.Errorf("the conversation may be ended or not; look with smsession show: %w", said)
}
