// Package flags has the flags that ls, show, watch and end share. It also opens their Redis and makes their printer.
package flags

import (
	"io"

	"smsession/internal/config"
	"smsession/internal/inspect"
	"smsession/internal/usage"
)

// common are the flags of every command for the conversations in Redis.
type common struct {
	config.OperatorFlags
	Reveal bool `name:"reveal" help:"Show whole phone numbers, not +1555•••4567."`
	JSON   bool `name:"json" help:"Print JSON, one object on each line."`
}

// List are the flags of a command for many conversations.
type List struct {
	common
	From usage.Address `name:"from" placeholder:"NUMBER" help:"Only conversations of this sender; the whole address as in a message."`
	To   usage.Address `name:"to" placeholder:"NUMBER" help:"Only conversations with our number NUMBER."`
}

// Sender are the flags of a command for the conversations of one sender.
type Sender struct {
	common
	To   usage.Address `name:"to" placeholder:"NUMBER" help:"Our number. Without it, all keys are read to find every number that the sender has a conversation with."`
	From usage.Address `arg:"" name:"number" help:"The sender; the whole address as in a message: +15551234567, whatsapp:+15551234567."`
}

// Filter selects the conversations that the flags name.
func (f List) Filter() inspect.Filter {
	return inspect.Filter{To: f.To.Number, From: f.From.Number}
}

// Open returns the Redis of the settings, and a printer that writes to out. The printer does not mask the typed
// addresses. The caller must close the pool of the source. Open does not contact Redis. The error is a config.Faults.
func (f common) Open(out io.Writer, typed ...usage.Address) (inspect.Source, inspect.Printer, error) {
	cfg, err := f.Config()
	if err != nil {
		return inspect.Source{}, inspect.Printer{}, err
	}
	printer := inspect.Printer{Out: out, JSON: f.JSON, Reveal: f.Reveal}
	for _, address := range typed {
		printer.Typed = append(printer.Typed, address.Number)
	}
	return inspect.Open(cfg.Redis, cfg.RedisPrefix), printer, nil
}
