package appcheck

import (
	"bytes"
	"context"
)

// Safe is whether the app may be called twice for one message.
type Safe string

// Whether an app may be called twice.
const (
	SafeYes      Safe = "yes"
	SafeNo       Safe = "no"
	SafeUnknown  Safe = "unknown"  // the app did not answer every message
	SafeUntested Safe = "untested" // the app answered all messages alike, so a change would not show
)

// calledAgain finds out whether a second call with the same MessageSid and the same cookies or data changes the app.
// The service makes such a call if a replica dies between the app's answer and the commit. The second call comes at
// once, and the third one after another message, because some apps remember only the last MessageSid.
func calledAgain(ctx context.Context, r *run) {
	s := r.sender("")
	s.say(ctx, r.hello)
	before := s.checkpoint()
	first := s.say(ctx, r.next)
	repeat := func() (again, after *Message) {
		s.rewind(before)
		again = s.send(ctx, "called again, after a crash", first.delivery.Message)
		return again, s.say(ctx, r.last)
	}
	second, afterSecond := repeat()
	third, afterThird := repeat()
	r.safe = SafeUntested
	for _, m := range r.messages {
		switch {
		case !m.wasAnswered():
			r.safe = SafeUnknown
			return
		case !m.repeats(r.messages[0]):
			r.safe = SafeYes
		}
	}
	for _, pair := range [][2]*Message{{first, second}, {first, third}, {afterSecond, afterThird}} {
		if !pair[1].repeats(pair[0]) {
			r.safe = SafeNo
			pair[1].Findings.Warn(0, "The app answered a second call in another way, so it keeps state of its own "+
				"(or its answers change from call to call). After a crash, it may count a message twice.")
			return
		}
	}
}

// repeats reports whether the app answered two calls in the same way. Cookies are not compared: their values contain
// times and random numbers.
func (m *Message) repeats(first *Message) bool {
	_, a := parseState(m.calls[len(m.calls)-1].After)
	_, b := parseState(first.calls[len(first.calls)-1].After)
	return m.sees(first) && bytes.Equal(a, b)
}
