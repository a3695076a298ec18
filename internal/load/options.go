// Package load is many phones at once. It puts a webhook under load, with the faults of Twilio's networks, and proves
// from the replies alone that the webhook counted every message once.
//
// It knows only the replies of the other side, so it works with every server that answers as Twilio's tutorial does. It
// is not a benchmark of Twilio, and it does not read Redis.
package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"smsession/internal/phone"
)

// Options say what to send. kong makes flags of their tags.
type Options struct {
	Conversations int            `name:"conversations" default:"2000" placeholder:"N" help:"Number of conversations at the same time (default 2000)."`
	InFlight      int            `name:"in-flight" default:"64" placeholder:"N" help:"Number of deliveries at the same time, at least --burst (default 64)."`
	Duration      *time.Duration `name:"duration" placeholder:"DURATION" help:"For how long new messages are sent (default 30s; with --messages, until they are sent)."`
	Messages      int            `name:"messages" default:"0" placeholder:"N" help:"How many messages to send at most, repeats not counted (default 0, no limit)."`
	Rate          float64        `name:"rate" default:"0" placeholder:"N" help:"Messages a second, whether they are answered or not; latency then counts from the time at which a message was due (default 0, as many as are answered)."`
	Burst         int            `name:"burst" default:"5" placeholder:"N" help:"Every tenth turn of a conversation is this many messages at once; 1 for no bursts (default 5)."`
	FirstRace     float64        `name:"first-race" default:"0.1" placeholder:"SHARE" help:"Share of conversations, 0 to 1, that begin with a burst (default 0.1)."`
	Resend        float64        `name:"resend" default:"0.1" placeholder:"SHARE" help:"Share of messages, 0 to 1, that are delivered again, half of them at once and half later (default 0.1)."`
	LoseCookies   float64        `name:"lose-cookies" default:"0.05" placeholder:"SHARE" help:"Share of deliveries, 0 to 1, that carry no cookies (default 0.05)."`
	Expect        Expectation    `name:"expect" enum:"counter,none" default:"counter" placeholder:"WHAT" help:"What to prove: counter (the tutorial's replies count every message once) or none (default counter)."`

	// Phone returns the phone of a number.
	Phone func(from string) (Sender, error) `kong:"-"`
	// Progress, unless it is nil, gets lines about the progress of the run. An error of Progress is ignored.
	Progress io.Writer `kong:"-"`
}

// Sender is a phone. It is safe for concurrent use.
type Sender interface {
	Send(ctx context.Context, m phone.Message) *phone.Delivery
}

// Expectation is what the replies must prove.
type Expectation string

const (
	// ExpectCounter is Twilio's tutorial: every message raises the count of its conversation by one, and the reply
	// contains the count.
	ExpectCounter Expectation = "counter"
	// ExpectNone is any other conversation: Run proves nothing.
	ExpectNone Expectation = "none"
)

// A server must detect a repeat only while fewer than 64 later messages of its conversation have been counted. The bounds
// below guarantee that no repeat comes later, even if a request without an answer takes effect much later. Let e be the
// turn of the first error. A conversation has at most MaxBurst messages in e, afterError-1 messages that begin after e,
// and MaxBurst in the turn that exceeds this: 47. A message from before e is repeated only while it has at most
// resendWithin later messages, so at most 55 messages come after it.
const (
	// MaxBurst is the most messages of a conversation at once.
	MaxBurst = 20
	// resendWithin is how many of the latest messages may be delivered again.
	resendWithin = 8
	// afterError is how many messages a conversation has after an error. Then another conversation replaces it.
	afterError = 8
)

const (
	// longest is how many messages a conversation has before another conversation replaces it. It bounds the memory.
	longest = 1000
	// burstEvery is the average number of turns of a conversation from one burst to the next.
	burstEvery = 10
)

// The largest loads. One machine cannot reach them. They make sure that a typing error does not take all memory.
const (
	maxConversations = 100_000
	maxInFlight      = 4096
	maxMessages      = 1_000_000_000
	maxRate          = 1_000_000

	// maxPause is how long a conversation may wait for its turn on average. Sessions expire after 4 hours, and some
	// turns come late.
	maxPause = time.Hour
)

// Check returns the first option that is out of its bounds, by the name of its flag. It sets a duration if neither
// Duration nor Messages ends the run.
func (o *Options) Check() error {
	for _, number := range []struct {
		flag, kind         string
		value, least, most float64
	}{
		{"--conversations", "whole number", float64(o.Conversations), 1, maxConversations},
		{"--in-flight", "whole number", float64(o.InFlight), 1, maxInFlight},
		{"--messages", "whole number", float64(o.Messages), 0, maxMessages},
		{"--burst", "whole number", float64(o.Burst), 1, MaxBurst},
		{"--rate", "number", o.Rate, 0, maxRate},
		{"--first-race", "share", o.FirstRace, 0, 1},
		{"--resend", "share", o.Resend, 0, 1},
		{"--lose-cookies", "share", o.LoseCookies, 0, 1},
	} {
		if !(number.value >= number.least && number.value <= number.most) { // NaN is out of all bounds
			return fmt.Errorf("%s must be a %s from %.0f to %.0f", number.flag, number.kind, number.least, number.most)
		}
	}
	switch {
	case o.Duration != nil && *o.Duration <= 0:
		return errors.New("--duration must be more than 0")
	case o.Burst > o.InFlight:
		return errors.New("--burst is more than --in-flight, so its messages cannot be sent at once")
	case o.Rate > 0 && float64(o.Conversations)/o.Rate > maxPause.Seconds():
		return errors.New("--rate is so low for this many --conversations that sessions would expire between their messages")
	}
	if o.Duration == nil && o.Messages == 0 {
		o.Duration = new(30 * time.Second)
	}
	return nil
}
