package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"github.com/gomodule/redigo/redis"

	"smsession/internal/config"
	"smsession/internal/inspect"
	"smsession/internal/redispool"
	"smsession/internal/session/record"
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

// operatorPatience limits how long Redis may take for one answer. A Redis that saves a snapshot may need several seconds.
// It also limits how long end tries again while messages change the record.
const operatorPatience = 10 * time.Second

// The commands that a Redis user must have.
const (
	readRights = "SCAN, GET, STRLEN and PTTL"
	endRights  = "SCAN, GET, STRLEN, PTTL, SET, DEL, TYPE, EVAL and EVALSHA"
)

// source returns the conversations. The caller must close its pool.
func (f operatorFlags) source() (inspect.Source, error) {
	cfg, err := f.Config()
	if err != nil {
		return inspect.Source{}, err
	}
	options := redispool.Options{URL: cfg.Redis, Timeout: operatorPatience}
	return inspect.Source{Pool: redispool.Open(options), Keys: record.Keys{Prefix: cfg.RedisPrefix}}, nil
}

// printer returns a printer that shows the addresses of the command line whole.
func (f operatorFlags) printer(out io.Writer, to, from address) inspect.Printer {
	return inspect.Printer{Out: out, JSON: f.JSON, Reveal: f.Reveal, Typed: []string{string(to), string(from)}}
}

// errUnknownNumber does not quote the number.
var errUnknownNumber = errors.New("there is no conversation of that number: it never texted, its session has expired, or it is written differently")

// operatorError turns the error of an operator's command into one for the user. rights are the Redis commands that the
// command needs.
func operatorError(err error, rights string) error {
	var refusal redis.Error
	switch {
	case errors.As(err, &refusal) && strings.HasPrefix(string(refusal), "NOPERM "): // Redis's code for a missing right
		return fmt.Errorf("the user of REDIS_URL may not do this: it needs %s, on a Cluster also CLUSTER SLOTS, and the keys of the prefix: %w", rights, refusal)
	case redispool.Refused(err):
		return fmt.Errorf("the Redis of REDIS_URL refuses us: %w", err)
	}
	return userError(err)
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
