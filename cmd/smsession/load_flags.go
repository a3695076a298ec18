package main

import (
	"fmt"
	"strconv"
	"time"

	"smsession/internal/load"
)

// The most that a load may be. Each is far beyond what one machine can do, and keeps a slip of the finger from taking all
// its memory.
const (
	maxConversations = 100_000
	maxInFlight      = 4096
	maxMessages      = 1_000_000_000
	maxRate          = 1_000_000
)

// maxPause is how long a conversation may wait for its turn on average. Sessions end by themselves after 4 hours, and a
// turn comes late now and then.
const maxPause = time.Hour

// parse reads the flags. A commandFault says what is wrong with the first wrong one.
func (c *loadCommand) parse() (load.Options, error) {
	var r numberReader
	o := load.Options{
		Conversations: r.whole("--conversations", c.Conversations, 1, maxConversations),
		InFlight:      r.whole("--in-flight", c.InFlight, 1, maxInFlight),
		Messages:      r.whole("--messages", c.Messages, 0, maxMessages),
		Burst:         r.whole("--burst", c.Burst, 1, load.MaxBurst),
		Duration:      r.duration("--duration", c.Duration),
		Rate:          r.rate("--rate", c.Rate),
		FirstRace:     r.share("--first-race", c.FirstRace),
		Resend:        r.share("--resend", c.Resend),
		LoseCookies:   r.share("--lose-cookies", c.LoseCookies),
		Expect:        load.Expectation(c.Expect),
	}
	if o.Duration == 0 && o.Messages == 0 {
		o.Duration = 30 * time.Second
	}
	switch {
	case r.fault != "":
	case o.Burst > o.InFlight:
		r.fault = "--burst is more than --in-flight, so its messages cannot be under way at once"
	case o.Rate > 0 && float64(o.Conversations)/o.Rate > maxPause.Seconds():
		r.fault = "--rate is so low for so many --conversations that sessions would end between their messages"
	case o.Expect != load.ExpectCounter && o.Expect != load.ExpectNone:
		r.fault = "--expect is neither counter nor none"
	}
	if r.fault != "" {
		return load.Options{}, r.fault
	}
	return o, nil
}

// numberReader reads numbers and keeps what is wrong with the first wrong one.
type numberReader struct{ fault commandFault }

func (r *numberReader) note(flag, should string) {
	if r.fault == "" {
		r.fault = commandFault(flag + " is not " + should)
	}
}

func (r *numberReader) whole(flag, value string, least, most int) int {
	n, err := strconv.Atoi(value)
	if err != nil || n < least || n > most {
		r.note(flag, fmt.Sprintf("a whole number from %d to %d", least, most))
	}
	return n
}

func (r *numberReader) share(flag, value string) float64 {
	share, err := strconv.ParseFloat(value, 64)
	if err != nil || !(share >= 0 && share <= 1) { // not a number is neither
		r.note(flag, "a share from 0 to 1")
	}
	return share
}

func (r *numberReader) rate(flag, value string) float64 {
	rate, err := strconv.ParseFloat(value, 64)
	if err != nil || !(rate >= 0 && rate <= maxRate) {
		r.note(flag, fmt.Sprintf("a number from 0 to %d", maxRate))
	}
	return rate
}

// duration returns 0 for a time that is not given.
func (r *numberReader) duration(flag, value string) time.Duration {
	d, err := time.ParseDuration(value)
	if value != "" && (err != nil || d <= 0) {
		r.note(flag, "a time like 30s or 5m")
	}
	return d
}
