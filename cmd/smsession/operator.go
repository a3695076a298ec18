package main

import (
	"context"
	"errors"
	"io"
	"syscall"

	"github.com/alecthomas/kong"

	"smsession/internal/config"
	"smsession/internal/inspect"
	"smsession/internal/usage"
)

// operatorFlags are the flags of every command for the conversations in Redis.
type operatorFlags struct {
	config.OperatorFlags
	Reveal bool `name:"reveal" help:"Show whole phone numbers, not +1555•••4567."`
	JSON   bool `name:"json" help:"Print JSON, one object on each line."`
}

// filterFlags select the conversations of a list.
type filterFlags struct {
	From address `name:"from" placeholder:"NUMBER" help:"Only conversations of this sender; the whole address as in a message."`
	To   address `name:"to" placeholder:"NUMBER" help:"Only conversations with our number NUMBER."`
}

func (f filterFlags) filter() inspect.Filter {
	return inspect.Filter{To: string(f.To), From: string(f.From)}
}

// senderFlags select the conversations of one sender.
type senderFlags struct {
	To   address `name:"to" placeholder:"NUMBER" help:"Our number. Without it, all keys are read to find every number that the sender has a conversation with."`
	From address `arg:"" name:"number" help:"The sender; the whole address as in a message: +15551234567, whatsapp:+15551234567."`
}

// address is a phone number, or another address, on the command line. It is never empty: in a script, an empty value is
// a variable without a value, and end would end the conversations of all senders.
type address string

// Decode parses a value for kong.
func (a *address) Decode(ctx *kong.DecodeContext) error {
	if err := ctx.Scan.PopValueInto("number", (*string)(a)); err != nil {
		return err
	}
	switch {
	case *a != "":
		return nil
	case ctx.Value.Flag != nil:
		return usage.Fault("--" + ctx.Value.Flag.Name + " is empty")
	}
	return usage.Fault("the " + ctx.Value.Name + " is empty")
}

// source returns the conversations. The caller must close its pool.
func (f operatorFlags) source() (inspect.Source, error) {
	cfg, err := f.Config()
	if err != nil {
		return inspect.Source{}, err
	}
	return inspect.Open(cfg.Redis, cfg.RedisPrefix), nil
}

// printer returns a printer that shows the addresses of the command line whole.
func (f operatorFlags) printer(out io.Writer, to, from address) inspect.Printer {
	return inspect.Printer{Out: out, JSON: f.JSON, Reveal: f.Reveal, Typed: []string{string(to), string(from)}}
}

// userError turns the error of any command into one for the user. A closed pipe is not an error.
func userError(err error) error {
	switch {
	case errors.Is(err, syscall.EPIPE):
		return nil
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted")
	}
	return err
}
