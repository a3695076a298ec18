package systemtest

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"smsession/internal/config"
	"smsession/internal/webhooktest"
)

const (
	conversations = 24 // how many conversations traffic has
	lanes         = 2  // how many messages of a conversation are in progress at any moment
)

// traffic is a number of conversations that continue until finish. Each has one lane that sends the cookie of its last
// reply, and one lane that sends no cookie. A lane waits for the reply to a message before it sends the next one.
type traffic struct {
	tb            testing.TB
	deliver       delivery
	stop          chan struct{}
	once          sync.Once
	group         sync.WaitGroup
	conversations []*conversation
}

// delivery sends one message until it has its reply.
type delivery func(s *sender, sid, cookie string) reply

// conversation is one sender and all replies to it.
type conversation struct {
	*sender

	mu      sync.Mutex
	replies []reply
	slowest time.Duration
}

// startTraffic starts traffic from new senders.
func startTraffic(tb testing.TB, d delivery) *traffic {
	return startTrafficOf(tb, func() *sender { return newSender(tb) }, d)
}

// startTrafficOf is like startTraffic, but with chosen senders.
func startTrafficOf(tb testing.TB, next func() *sender, d delivery) *traffic {
	l := &traffic{tb: tb, deliver: d, stop: make(chan struct{})}
	for range conversations {
		c := &conversation{sender: next()}
		l.conversations = append(l.conversations, c)
		for lane := range lanes {
			l.group.Go(func() { l.run(c, lane == 0) })
		}
	}
	tb.Cleanup(l.end)
	return l
}

// run sends the messages of one lane.
func (l *traffic) run(c *conversation, keepCookie bool) {
	cookie := ""
	for {
		select {
		case <-l.stop:
			return
		default:
		}
		sent := time.Now()
		r := l.deliver(c.sender, webhooktest.NewSID(), cookie)
		c.note(r, time.Since(sent))
		if keepCookie {
			cookie = r.Cookie
		}
		if r.Status != http.StatusOK {
			time.Sleep(100 * time.Millisecond) // so that a dead replica causes few violations and not thousands
		}
	}
}

func (c *conversation) note(r reply, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.replies = append(c.replies, r)
	c.slowest = max(c.slowest, took)
}

// count returns how many replies there are so far.
func (c *conversation) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.replies)
}

// insist delivers a message to one replica after the other until it gets 200. A failover can take longer than the
// request budget, and then a replica may give up. It is an error if a replica gives up earlier.
func (f *fleet) insist(t *testing.T, s *sender, sid, cookie string) reply {
	for {
		sent := time.Now()
		r := s.deliver(f.next(), "/sms", sid, cookie)
		took := time.Since(sent)
		if r.Status == http.StatusOK || t.Context().Err() != nil {
			return r
		}
		if took < config.Defaults().RequestBudget {
			t.Errorf("%s: a replica gave up after %v, with %q", s.From, took, r.Text())
			return r
		}
	}
}

// total returns how many replies some conversations have together.
func total(of []*conversation) (n int) {
	for _, c := range of {
		n += c.count()
	}
	return n
}

// waitForReplies waits until each of some conversations has more replies.
func waitForReplies(tb testing.TB, of []*conversation, more int) {
	tb.Helper()
	before := make([]int, len(of))
	for i, c := range of {
		before[i] = c.count()
	}
	for i, c := range of {
		webhooktest.Wait(tb, fmt.Sprintf("%d more replies to %s", more, c.From), func() bool {
			return c.count() >= before[i]+more
		})
	}
}

// waitForReplies waits until each conversation has some more replies.
func (l *traffic) waitForReplies() {
	l.tb.Helper()
	waitForReplies(l.tb, l.conversations, 2*lanes) // more than are in progress
}

// end stops all lanes. It does not wait for them.
func (l *traffic) end() { l.once.Do(func() { close(l.stop) }) }

// finish waits for the replies to the messages in progress. It returns the number of messages, and how long the slowest
// took.
func (l *traffic) finish() (messages int, slowest time.Duration) {
	l.end()
	l.group.Wait()
	for _, c := range l.conversations {
		messages += len(c.replies)
		slowest = max(slowest, c.slowest)
	}
	return messages, slowest
}

// violations returns the violations in the replies of finished traffic and in the records in Redis.
func (l *traffic) violations(f *fleet) (all []string) {
	for _, c := range l.conversations {
		n := len(c.replies)
		for _, violation := range checkCounts(c.replies, 1, n) {
			all = append(all, c.From+": "+violation)
		}
		if counter := f.counter(c.sender); counter != n {
			all = append(all, fmt.Sprintf("%s: %d messages have replies, the counter is %d", c.From, n, counter))
		}
	}
	if pointers := len(f.keys("sms:conversation:" + l.conversations[0].To + ":*")); pointers != conversations {
		all = append(all, fmt.Sprintf("%d conversations have %d pointers", conversations, pointers))
	}
	return all
}

// check reports the violations of finished traffic.
func (l *traffic) check(t *testing.T, f *fleet) {
	t.Helper()
	report(t, l.violations(f))
}

// failures returns how many deliveries of finished traffic did not get 200.
func (l *traffic) failures() (n int) {
	for _, c := range l.conversations {
		for _, r := range c.replies {
			if r.Status != http.StatusOK {
				n++
			}
		}
	}
	return n
}

// lost returns how many messages of finished conversations were lost: for each, another reply has the same number.
// failed is how many replies have no number.
func lost(of []*conversation) (doubled, failed int) {
	for _, c := range of {
		seen := map[int]bool{}
		for _, r := range c.replies {
			n := number(r.Text())
			switch {
			case n == 0:
				failed++
			case seen[n]:
				doubled++
			}
			seen[n] = true
		}
	}
	return doubled, failed
}
