// Package flags has the flags that ls, show, watch and end share. It also opens their Redis and makes their printer.
package flags

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"smsession/internal/config"
	"smsession/internal/devservice"
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
	From usage.Address `name:"from" placeholder:"NUMBER" help:"Only conversations of this sender."`
	To   usage.Address `name:"to" placeholder:"NUMBER" help:"Only conversations with our number NUMBER."`
}

// Filter selects the conversations that the flags name.
func (f List) Filter() inspect.Filter {
	return inspect.Filter{To: f.To.Number, From: addresses(f.From)}
}

// Open returns the Redis of the settings, and a printer that writes to out. For the rest, see common.open.
func (f List) Open(ctx context.Context, out, notes io.Writer) (inspect.Source, inspect.Printer, error) {
	return f.open(ctx, out, notes, f.To, f.From)
}

// Chosen are the flags of a command for the conversations that an operator chooses.
type Chosen struct {
	common
	To    usage.Address `name:"to" placeholder:"NUMBER" help:"Only conversations with our number NUMBER. Without it, all keys are read to find every number that the sender has a conversation with."`
	Token Token         `name:"token" placeholder:"TOKEN" help:"Only the conversation whose session has this token: at least the first 6 characters, as ls and show print them."`
}

// Filter selects the conversations of some senders that the flags name.
func (f Chosen) Filter(senders ...usage.Address) inspect.Filter {
	return inspect.Filter{To: f.To.Number, From: addresses(senders...), Token: string(f.Token)}
}

// Open returns the Redis of the settings, and a printer that writes to out. For the rest, see common.open.
func (f Chosen) Open(
	ctx context.Context, out, notes io.Writer, senders ...usage.Address,
) (inspect.Source, inspect.Printer, error) {
	return f.open(ctx, out, notes, append(senders, f.To)...)
}

// Changed are the flags of a command that changes the conversations that an operator chooses.
type Changed struct {
	Chosen
	config.WaitFlags
}

// Open is Chosen.Open for a Redis that confirms a change when enough of its replicas have it.
func (f Changed) Open(
	ctx context.Context, out, notes io.Writer, senders ...usage.Address,
) (inspect.Source, inspect.Printer, error) {
	f.Wait = f.WaitFlags
	return f.Chosen.Open(ctx, out, notes, senders...)
}

// Explain prints the conversations of an *inspect.AmbiguousError to notes, so that the operator can choose one. It
// returns err.
func Explain(err error, printer inspect.Printer, notes io.Writer) error {
	if ambiguous, ok := errors.AsType[*inspect.AmbiguousError](err); ok {
		printer.Out = notes
		_ = printer.Table(ambiguous.Found)
	}
	return err
}

// open returns the Redis of the settings, or of a running `smsession dev` if REDIS_URL is not set, and a printer. The
// printer does not mask the typed addresses. It writes to notes which dev it has found. The caller must close the pool
// of the source. open does not contact Redis. The error is a config.Faults, a usage.Fault or an error of
// devservice.Find.
func (f common) open(
	ctx context.Context, out, notes io.Writer, typed ...usage.Address,
) (inspect.Source, inspect.Printer, error) {
	cfg, err := f.config(ctx, notes)
	if err != nil {
		return inspect.Source{}, inspect.Printer{}, err
	}
	printer := inspect.Printer{Out: out, JSON: f.JSON, Reveal: f.Reveal, Typed: addresses(typed...)}
	return inspect.Open(cfg.Redis, cfg.RedisPrefix, cfg.WaitReplicas), printer, nil
}

// config returns the settings of the flags, or those of a running `smsession dev`.
func (f common) config(ctx context.Context, notes io.Writer) (config.Config, error) {
	if strings.TrimSpace(f.RedisURL+f.RedisURLFile) != "" {
		return f.Config()
	}
	service, err := devservice.Find(ctx)
	switch {
	case errors.Is(err, devservice.ErrNotRunning):
		cfg, err := f.Config()
		if faults, ok := errors.AsType[config.Faults](err); ok { // the last one is that REDIS_URL is missing
			faults[len(faults)-1] += "; or start smsession dev, whose Redis is then used"
		}
		return cfg, err
	case err != nil:
		return config.Config{}, err
	case f.RedisPrefix != os.Getenv("REDIS_PREFIX"):
		return config.Config{}, usage.Fault("--redis-prefix needs --redis-url (or REDIS_URL): " +
			"without it, the running smsession dev sets the prefix")
	}
	fmt.Fprintf(notes, "smsession: REDIS_URL is not set: using the running smsession dev at %s\n", service.URL)
	f.RedisURL, f.RedisPrefix, f.Wait = service.Redis, service.Prefix, config.WaitFlags{} // this Redis has no replicas
	return f.Config()
}
