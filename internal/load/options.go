// Package load sends the messages of many phones to a webhook at the same time. It adds the faults that Twilio and its
// networks have: bursts, repeats and lost cookies. It proves from the replies that a repeat gets the same reply as the
// first time, and that a webhook that counts messages has counted each of them once.
//
// The package reads only the replies, so it works with every webhook. It does not measure Twilio, and it does not read
// Redis.
package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"smsession/internal/phone"
)

// Options describe a load. `smsession load` has a flag for each field except Phone and Progress. Without Duration and
// Messages, a load ends only with its context.
type Options struct {
	Conversations int            // how many there are at the same time
	InFlight      int            // how many deliveries there are at the same time
	Duration      *time.Duration // no message is sent for the first time after this time; nil for no limit
	Messages      int            // how many are sent at most, not counting repeats; 0 for no limit
	Rate          float64        // messages a second; 0 sends the next message as soon as an earlier one is answered
	Burst         int            // how many messages a burst sends at the same time; 1 for no bursts
	FirstRace     float64        // the share of conversations that begin with a burst
	Resend        float64        // the share of messages that are delivered again
	LoseCookies   float64        // the share of deliveries without cookies
	Expect        Expectation

	// Phone returns the phone of a number. Calls of Phone do not overlap.
	Phone func(from string) (Sender, error)
	// Progress gets a line about the progress of the run every few seconds, until Run returns. It may be nil. Its
	// errors are ignored.
	Progress io.Writer
}

// Sender is a phone. It is safe for concurrent use.
type Sender interface {
	Send(ctx context.Context, m phone.Message) *phone.Delivery
}

// A server must detect a repeat only while fewer than 64 later messages of its conversation have been counted. The
// bounds below guarantee that no repeat comes later, even if a request without an answer takes effect much later. Let e
// be the round of the first error. A conversation has at most maxBurst messages in e, afterError-1 messages that begin
// after e, and maxBurst in the round that exceeds this: 47. A message from before e is repeated only while it has at
// most resendWithin later messages, so at most 55 messages come after it.
const (
	// maxBurst is how many messages of a conversation can be sent at the same time.
	maxBurst = 20
	// resendWithin is how many of the latest messages may be delivered again, those of the repeat's own round included.
	// It is the number of an app's replies that smsession keeps.
	resendWithin = 8
	// afterError is how many messages a conversation has after an error. Then another conversation replaces it.
	afterError = 8
)

const (
	// longest is how many messages a conversation has before another conversation replaces it. It bounds the memory.
	longest = 1000
	// burstEvery is the average number of rounds of a conversation from one burst to the next.
	burstEvery = 10
	// maxPause is how long a conversation may wait for its next round on average. Sessions expire after 4 hours, and
	// some rounds come late.
	maxPause = time.Hour
)

// Check returns an error for the first option that is out of its bounds. The error names the option's flag. The upper
// bounds are more than one machine can reach. They only stop a typing error from using all memory.
func (o Options) Check() error {
	for _, number := range []struct {
		flag, kind         string
		value, least, most float64
	}{
		{"--conversations", "whole number", float64(o.Conversations), 1, 100_000},
		{"--in-flight", "whole number", float64(o.InFlight), 1, 4096},
		{"--messages", "whole number", float64(o.Messages), 0, 1_000_000_000},
		{"--burst", "whole number", float64(o.Burst), 1, maxBurst},
		{"--rate", "number", o.Rate, 0, 1_000_000},
		{"--first-race", "share", o.FirstRace, 0, 1},
		{"--resend", "share", o.Resend, 0, 1},
		{"--lose-cookies", "share", o.LoseCookies, 0, 1},
	} {
		if !(number.value >= number.least && number.value <= number.most) { // true for NaN, too
			return fmt.Errorf("%s must be a %s from %.0f to %.0f", number.flag, number.kind, number.least, number.most)
		}
	}
	switch {
	case o.Duration != nil && *o.Duration <= 0:
		return errors.New("--duration must be more than 0")
	case o.Burst > o.InFlight:
		return errors.New("--burst is more than --in-flight: its messages could not be sent at the same time")
	case o.Rate > 0 && float64(o.Conversations)/o.Rate > maxPause.Seconds():
		return errors.New("--rate is too low for this many --conversations: " +
			"sessions would expire between their messages")
	}
	return nil
}
