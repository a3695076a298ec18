package systemtest

import (
	"fmt"
	"slices"
	"testing"

	"smsession/internal/webhooktest"

	"smsession/internal/redistest"
)

// The checks of this file return what was violated, in sentences. TestReplicasKeepTheirPromises wants to hear nothing;
// TestThePlainServerBreaksThem wants to hear something from each, or else the check could not find anything at all.

const (
	burst      = 40 // messages at once on one cookie
	firsts     = 5  // first messages at once
	beginnings = 30 // conversations that begin with that many
	missed     = 40 // later messages before a repeat: fewer than the 64 that a record remembers
)

// lostUpdates begins a conversation and then sends it many messages at once, all with its cookie.
func lostUpdates(f *fleet) []string {
	s := newSender(f.tb)
	begun := s.deliver(f.any(), "/sms", webhooktest.NewSID(), "")
	if violations := uncounted([]reply{begun}, 1, 1); len(violations) > 0 {
		return violations
	}
	return uncounted(f.atOnce(s, burst, begun.Cookie), 2, burst+1)
}

// forkedSessions lets a conversation begin with several messages at once, none of which has a cookie.
func forkedSessions(f *fleet) []string {
	before := len(f.keys(f.sessions))
	violations := uncounted(f.atOnce(newSender(f.tb), firsts, ""), 1, firsts)
	if made := len(f.keys(f.sessions)) - before; made != 1 {
		violations = append(violations, fmt.Sprintf("one conversation has %d sessions", made))
	}
	return violations
}

// original is a message that was answered.
type original struct {
	*sender
	sid, cookie string
}

// repeat is a way in which a message comes again. fresh says that its first delivery is among those that it makes.
type repeat struct {
	name    string
	later   int // messages in between
	fresh   bool
	deliver func(f *fleet, o original) []reply
}

var repeats = []repeat{
	{name: "on another replica", deliver: func(f *fleet, o original) []reply {
		return []reply{o.deliver(f.any(), "/sms", o.sid, o.cookie), o.deliver(f.any(), "/sms", o.sid, o.cookie)}
	}},
	{name: "without its cookie", deliver: func(f *fleet, o original) []reply {
		return []reply{o.deliver(f.any(), "/sms", o.sid, "")}
	}},
	{name: "six times at once", deliver: sixTimes},
	{name: "six times at once, the first time among them", fresh: true, deliver: sixTimes},
	{name: "after 40 later messages", later: missed, deliver: func(f *fleet, o original) []reply {
		return []reply{o.deliver(f.any(), "/sms", o.sid, o.cookie)}
	}},
	{name: "on the fallback URL", deliver: func(f *fleet, o original) []reply {
		return []reply{o.deliver(f.any(), "/sms/fallback", o.sid, o.cookie)}
	}},
	{name: "on the fallback URL without its cookie", deliver: func(f *fleet, o original) []reply {
		return []reply{o.deliver(f.any(), "/sms/fallback", o.sid, "")}
	}},
}

func sixTimes(f *fleet, o original) []reply {
	return together(6, func(int) reply { return o.deliver(f.any(), "/sms", o.sid, o.cookie) })
}

// doubledMessages sends the third message of a conversation again, and then the next one, which tells how often the third
// was counted.
func doubledMessages(f *fleet, again repeat) []string {
	s := newSender(f.tb)
	begun := s.deliver(f.any(), "/sms", webhooktest.NewSID(), "")
	o := original{sender: s, sid: webhooktest.NewSID(), cookie: begun.Cookie}
	replies := append([]reply{begun}, f.sequence(s, 1, o.cookie)...)
	var third reply
	if !again.fresh {
		third = o.deliver(f.any(), "/sms", o.sid, o.cookie)
		replies = append(replies, third)
	}
	replies = append(replies, f.sequence(s, again.later, o.cookie)...)
	repeated := again.deliver(f, o)
	if again.fresh {
		third = repeated[0]
		replies = append(replies, third)
	}
	var violations []string
	for _, r := range repeated {
		if r.Status != 200 || r.Body != third.Body {
			violations = append(violations, fmt.Sprintf("the repeat of %q got %q", third.Text(), r.Text()))
		}
	}
	replies = append(replies, s.deliver(f.any(), "/sms", webhooktest.NewSID(), o.cookie))
	return append(violations, uncounted(replies, 1, len(replies))...)
}

func TestReplicasKeepTheirPromises(t *testing.T) {
	f := startFleet(t, redistest.Start(t, redistest.Options{}))
	t.Run("40 messages at once on one cookie are counted once each", func(t *testing.T) {
		report(t, lostUpdates(f))
	})
	t.Run("5 first messages at once begin one session, 30 times over", func(t *testing.T) {
		for range beginnings {
			report(t, forkedSessions(f))
		}
	})
	for _, again := range repeats {
		t.Run("a message that comes again "+again.name+" gets its first reply and is counted once", func(t *testing.T) {
			report(t, doubledMessages(f, again))
		})
	}
	pointers, sessions := f.keys("sms:conversation:*"), f.keys("sms:session:*")
	if len(pointers) != len(sessions) {
		t.Errorf("%d pointers to %d sessions", len(pointers), len(sessions))
	}
	t.Logf("%d conversations, %d sessions", len(pointers), len(sessions))
}

// TestAConversationThatBeginsAtOnceHasOneToken looks at the one session from all sides: the key, the pointer and the
// cookies of all the replies.
func TestAConversationThatBeginsAtOnceHasOneToken(t *testing.T) {
	f := startFleet(t, redistest.Start(t, redistest.Options{}))
	s := newSender(t)
	replies := f.atOnce(s, firsts, "")
	token := f.pointer(s)
	if keys := f.keys("sms:session:*"); !slices.Equal(keys, []string{"sms:session:" + token}) {
		t.Errorf("the pointer holds %s, the sessions are %s", token, keys)
	}
	for _, r := range replies {
		if r.Cookie != token {
			t.Errorf("the reply %q has the cookie %q, the pointer %q", r.Text(), r.Cookie, token)
		}
	}
}

// controlTries is how often the control may do the right thing by luck where it does the wrong one by a race.
const controlTries = 10

// TestThePlainServerBreaksThem is the negative control: the same checks, on what people build from the documentation of
// the same libraries.
func TestThePlainServerBreaksThem(t *testing.T) {
	f := startPlainFleet(t, redistest.Start(t, redistest.Options{}))
	if violations := uncounted(f.sequence(newSender(t), 1, ""), 1, 1); len(violations) > 0 {
		t.Fatalf("the control does not even answer: %s", violations)
	}
	t.Run("it loses updates", func(t *testing.T) {
		expect(t, func() []string { return lostUpdates(f) })
	})
	t.Run("it forks a session", func(t *testing.T) {
		expect(t, func() []string { return forkedSessions(f) })
	})
	for _, again := range repeats {
		t.Run("it counts a message twice that comes again "+again.name, func(t *testing.T) {
			expect(t, func() []string { return doubledMessages(f, again) })
		})
	}
}

// expect fails a test whose check finds nothing.
func expect(t *testing.T, check func() []string) {
	t.Helper()
	for range controlTries {
		if violations := check(); len(violations) > 0 {
			t.Logf("as it must be: %q", violations)
			return
		}
	}
	t.Error("the check finds nothing wrong with a server that promises nothing")
}

// report fails a test whose check finds something.
func report(t *testing.T, violations []string) {
	t.Helper()
	for _, v := range violations {
		t.Error(v)
	}
}
