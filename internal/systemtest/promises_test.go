package systemtest

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

// The checks in this file return violations as sentences. TestPromises expects no violation of the service.
// TestPlainServer expects each check to find a violation of the plain server; otherwise the check could not find
// anything.

const (
	burst        = 40 // how many messages with one cookie are sent at the same moment
	firsts       = 5  // how many first messages are sent at the same moment
	beginnings   = 30 // how many conversations begin with that many
	laterRepeats = 40 // how many messages come before a repeat: fewer than the 64 that a record remembers
)

// lostUpdates begins a conversation, and then sends many messages with its cookie at the same moment.
func lostUpdates(f *fleet) []string {
	s := newSender(f.tb)
	first := s.deliver(f.next(), "/sms", webhooktest.NewSID(), "")
	if violations := checkCounts([]reply{first}, 1, 1); len(violations) > 0 {
		return violations
	}
	return checkCounts(f.sendConcurrently(s, burst, first.Cookie), 2, burst+1)
}

// forkedSessions begins a conversation with several messages at the same moment, all without a cookie.
func forkedSessions(f *fleet) []string {
	before := len(f.keys(f.sessions))
	violations := checkCounts(f.sendConcurrently(newSender(f.tb), firsts, ""), 1, firsts)
	if made := len(f.keys(f.sessions)) - before; made != 1 {
		violations = append(violations, fmt.Sprintf("one conversation has %d sessions", made))
	}
	return violations
}

// original is a message that is repeated.
type original struct {
	*sender
	sid, cookie string
}

// repeat is a way in which a message is repeated.
type repeat struct {
	name    string
	later   int  // messages between the first delivery and the repeat
	fresh   bool // deliver includes the first delivery
	deliver func(f *fleet, o original) []reply
}

var repeats = []repeat{
	{name: "on another replica", deliver: func(f *fleet, o original) []reply {
		return []reply{o.deliver(f.next(), "/sms", o.sid, o.cookie), o.deliver(f.next(), "/sms", o.sid, o.cookie)}
	}},
	{name: "without its cookie", deliver: func(f *fleet, o original) []reply {
		return []reply{o.deliver(f.next(), "/sms", o.sid, "")}
	}},
	{name: "six times at the same moment", deliver: sixTimes},
	{name: "six times at the same moment, with the first delivery", fresh: true, deliver: sixTimes},
	{name: "after 40 later messages", later: laterRepeats, deliver: func(f *fleet, o original) []reply {
		return []reply{o.deliver(f.next(), "/sms", o.sid, o.cookie)}
	}},
	{name: "at the fallback URL", deliver: func(f *fleet, o original) []reply {
		return []reply{o.deliver(f.next(), "/sms/fallback", o.sid, o.cookie)}
	}},
	{name: "at the fallback URL without its cookie", deliver: func(f *fleet, o original) []reply {
		return []reply{o.deliver(f.next(), "/sms/fallback", o.sid, "")}
	}},
}

func sixTimes(f *fleet, o original) []reply {
	return concurrently(6, func(int) reply { return o.deliver(f.next(), "/sms", o.sid, o.cookie) })
}

// doubledMessages repeats the third message of a conversation. It then sends one more message, whose number shows how
// often the third was counted.
func doubledMessages(f *fleet, how repeat) []string {
	s := newSender(f.tb)
	first := s.deliver(f.next(), "/sms", webhooktest.NewSID(), "")
	o := original{sender: s, sid: webhooktest.NewSID(), cookie: first.Cookie}
	replies := append([]reply{first}, f.send(s, 1, o.cookie)...)
	var third reply
	if !how.fresh {
		third = o.deliver(f.next(), "/sms", o.sid, o.cookie)
		replies = append(replies, third)
	}
	replies = append(replies, f.send(s, how.later, o.cookie)...)
	repeated := how.deliver(f, o)
	if how.fresh {
		third = repeated[0]
		replies = append(replies, third)
	}
	var violations []string
	for _, r := range repeated {
		if r.Status != http.StatusOK || r.Body != third.Body {
			violations = append(violations, fmt.Sprintf("the repeat of %q gets %q", third.Text(), r.Text()))
		}
	}
	replies = append(replies, s.deliver(f.next(), "/sms", webhooktest.NewSID(), o.cookie))
	return append(violations, checkCounts(replies, 1, len(replies))...)
}

// checkPromises runs all checks against a fleet.
func checkPromises(t *testing.T, f *fleet) {
	t.Helper()
	t.Run("40 concurrent messages with one cookie are counted once each", func(t *testing.T) {
		report(t, lostUpdates(f))
	})
	t.Run("5 concurrent first messages begin one session", func(t *testing.T) {
		for range beginnings {
			report(t, forkedSessions(f))
		}
	})
	for _, how := range repeats {
		t.Run("a message that is repeated "+how.name+" gets its first reply and is counted once", func(t *testing.T) {
			report(t, doubledMessages(f, how))
		})
	}
}

func TestPromises(t *testing.T) {
	f := startFleet(t, redistest.Start(t, redistest.Options{}))
	checkPromises(t, f)
	pointers, sessions := f.keys("sms:conversation:*"), f.keys("sms:session:*")
	if len(pointers) != len(sessions) {
		t.Errorf("%d pointers lead to %d sessions", len(pointers), len(sessions))
	}
}

// TestOneToken compares the token of a conversation in the key, in the pointer and in the cookies of all replies.
func TestOneToken(t *testing.T) {
	f := startFleet(t, redistest.Start(t, redistest.Options{}))
	s := newSender(t)
	replies := f.sendConcurrently(s, firsts, "")
	token := f.pointer(s)
	if keys := f.keys("sms:session:*"); !slices.Equal(keys, []string{"sms:session:" + token}) {
		t.Errorf("the pointer contains %s, the sessions are %s", token, keys)
	}
	for _, r := range replies {
		if r.Cookie != token {
			t.Errorf("the reply %q has the cookie %q, the pointer contains %q", r.Text(), r.Cookie, token)
		}
	}
}

// controlTries is how often a check is tried against the plain server, which can win a race by luck.
const controlTries = 10

// TestPlainServer is the negative control: it runs the checks against a server that is built from the documentation of
// the same libraries.
func TestPlainServer(t *testing.T) {
	f := startPlainFleet(t, redistest.Start(t, redistest.Options{}))
	if violations := checkCounts(f.send(newSender(t), 1, ""), 1, 1); len(violations) > 0 {
		t.Fatalf("the plain server does not answer: %s", violations)
	}
	t.Run("it loses updates", func(t *testing.T) {
		expectViolation(t, func() []string { return lostUpdates(f) })
	})
	t.Run("it forks a session", func(t *testing.T) {
		expectViolation(t, func() []string { return forkedSessions(f) })
	})
	for _, how := range repeats {
		t.Run("it counts a message twice if it is repeated "+how.name, func(t *testing.T) {
			expectViolation(t, func() []string { return doubledMessages(f, how) })
		})
	}
}

// expectViolation fails the test if the check finds nothing.
func expectViolation(t *testing.T, check func() []string) {
	t.Helper()
	for range controlTries {
		if violations := check(); len(violations) > 0 {
			t.Logf("found as expected: %q", violations)
			return
		}
	}
	t.Error("the check finds no violation of a server that promises nothing")
}
