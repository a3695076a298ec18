package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/config"
	"smsession/internal/inspect"
	"smsession/internal/redispool"
	"smsession/internal/session"
)

// operatorFlags are those of every command that looks at the conversations in Redis.
type operatorFlags struct {
	config.OperatorFlags
	Reveal bool `name:"reveal" help:"Show phone numbers whole, not as +1555•••4567."`
	JSON   bool `name:"json" help:"Print JSON, one object a line."`
}

// address is a phone number, or another address, that somebody typed. An empty one is a fault and not everybody: in a script it
// is a variable without a value, and end would end the conversations of all senders.
type address string

var errNoAddress = errors.New("a number is empty")

// UnmarshalText is what kong reads a value by.
func (a *address) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		return errNoAddress
	}
	*a = address(text)
	return nil
}

// operatorPatience is how long one answer of Redis may take, so that a snapshot does not end a long list; and how long the
// messages of a conversation may be faster than its end.
const operatorPatience = 10 * time.Second

// readNeeds are the commands of Redis that looking takes.
const readNeeds = "SCAN, GET, STRLEN and PTTL"

// source connects to the conversations. The caller closes the pool.
func (f operatorFlags) source() (inspect.Source, error) {
	cfg, err := f.Config()
	if err != nil {
		return inspect.Source{}, err
	}
	return inspect.Source{
		Pool: redispool.Open(redispool.Options{URL: cfg.Redis, Timeout: operatorPatience}),
		Keys: session.Keys{Prefix: cfg.RedisPrefix},
	}, nil
}

// names shows whole what was typed.
func (f operatorFlags) names(typed ...address) inspect.Names {
	names := inspect.Names{Reveal: f.Reveal}
	for _, a := range typed {
		names.Typed = append(names.Typed, string(a))
	}
	return names
}

// operated makes a sentence of what ended an operator's command. Who stopped reading has seen enough. needs are the
// commands of Redis that it cannot do without.
func operated(err error, needs string) error {
	var refusal redis.Error
	switch {
	case err == nil, errors.Is(err, syscall.EPIPE):
		return nil
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted")
	case errors.As(err, &refusal) && strings.HasPrefix(string(refusal), "NOPERM"):
		return fmt.Errorf("the user of REDIS_URL may not do this; it needs %s, on a Cluster CLUSTER SLOTS besides, and the keys of the prefix: %w", needs, refusal)
	case redispool.Refused(err):
		return fmt.Errorf("the Redis of REDIS_URL refuses us: %w", err)
	}
	return err
}

// refusedByRedis reports whether err is an answer of Redis's, which did not do then what it was asked for.
func refusedByRedis(err error) bool {
	var refusal redis.Error
	return errors.As(err, &refusal)
}
