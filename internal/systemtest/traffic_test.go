package systemtest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"smsession/internal/webhooktest"

	"smsession/internal/config"
)

const (
	talks = 24 // conversations under way
	lanes = 2  // of each, that wait for the reply to one message before they send the next
)

// traffic is many conversations that go on until they are told to stop. Each has one lane that keeps its cookie and one that
// never has any, so that there are always two messages of a conversation under way.
type traffic struct {
	deliver deliver
	stop    chan struct{}
	group   sync.WaitGroup
	talks   []*talk
}

// deliver brings one message to its reply, however often it must be sent for that.
type deliver func(s *sender, sid, cookie string) reply

// talk is one conversation and all the replies that it got.
type talk struct {
	*sender

	mu      sync.Mutex
	replies []reply
	slowest time.Duration
}

func startLoad(tb testing.TB, d deliver) *traffic {
	return startLoadOf(func() *sender { return newSender(tb) }, d)
}

// startLoadOf is startLoad with certain senders.
func startLoadOf(next func() *sender, d deliver) *traffic {
	l := &traffic{deliver: d, stop: make(chan struct{})}
	for range talks {
		one := &talk{sender: next()}
		l.talks = append(l.talks, one)
		for lane := range lanes {
			l.group.Go(func() { l.run(one, lane == 0) })
		}
	}
	return l
}

func (l *traffic) run(t *talk, keepCookie bool) {
	cookie := ""
	for {
		select {
		case <-l.stop:
			return
		default:
		}
		sent := time.Now()
		r := l.deliver(t.sender, webhooktest.NewSID(), cookie)
		t.note(r, time.Since(sent))
		if keepCookie {
			cookie = r.Cookie
		}
		if r.Status != 200 {
			time.Sleep(100 * time.Millisecond) // a failure is one violation, not thousands
		}
	}
}

func (t *talk) note(r reply, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.replies = append(t.replies, r)
	t.slowest = max(t.slowest, took)
}

func (t *talk) answered() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.replies)
}

// insist delivers a message to one replica after the other until it is answered. A failover may outlast the budget where
// the machine is busy, or an election is lost: then a replica may give the message up, but not earlier.
func (f *fleet) insist(t *testing.T, s *sender, sid, cookie string) reply {
	for deadline := time.Now().Add(patience); ; {
		sent := time.Now()
		r := s.deliver(f.any(), "/sms", sid, cookie)
		took := time.Since(sent)
		if r.Status == 200 || t.Context().Err() != nil || time.Now().After(deadline) {
			return r
		}
		if took < config.Defaults().RequestBudget {
			t.Errorf("%s: a message was given up after %v, with %q", s.From, took, r.Text())
			time.Sleep(time.Second) // a failure is one violation, not thousands
		}
	}
}

// awaitReplies waits until each of some conversations has got so many replies more.
func awaitReplies(t *testing.T, of []*talk, more int) {
	t.Helper()
	before := make([]int, len(of))
	for i, one := range of {
		before[i] = one.answered()
	}
	for i, one := range of {
		webhooktest.Wait(t, fmt.Sprintf("%d replies to %s after the first %d", more, one.From, before[i]),
			func() bool { return one.answered() >= before[i]+more })
	}
}

// finish lets the messages under way come to their replies, and tells how many messages there were and how long the
// slowest took.
func (l *traffic) finish() (messages int, slowest time.Duration) {
	close(l.stop)
	l.group.Wait()
	for _, one := range l.talks {
		messages += len(one.replies)
		slowest = max(slowest, one.slowest)
	}
	return messages, slowest
}

// check reports what is wrong with the replies of finished traffic, and with what Redis holds of it.
func (l *traffic) check(t *testing.T, f *fleet) {
	t.Helper()
	for _, one := range l.talks {
		n := len(one.replies)
		for _, violation := range uncounted(one.replies, 1, n) {
			t.Errorf("%s: %s", one.From, violation)
		}
		if recorded := f.recorded(one.sender); recorded != n {
			t.Errorf("%s: %d messages were answered, the record says %d", one.From, n, recorded)
		}
	}
	if pointers := len(f.keys("sms:conversation:" + l.talks[0].To + ":*")); pointers != talks {
		t.Errorf("%d conversations left %d pointers", talks, pointers)
	}
}
