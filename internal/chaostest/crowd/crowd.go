// Package crowd is people who send messages through Twilio, which is simulated by package phone. It writes down what
// they see. Only tests import it.
package crowd

import (
	"context"
	"fmt"
	"sync"
	"time"

	"smsession/internal/chaostest/history"
	"smsession/internal/phone"
	"smsession/internal/webhooktest"
)

// System is what the crowd writes to. Its methods are safe for concurrent use.
type System interface {
	// Addrs returns the URL of each replica.
	Addrs() []string
	// Calm reports whether Redis has had no fault for some time.
	Calm(time.Duration) bool
}

// Redis is what an operator sees and does.
type Redis interface {
	// Record reads the session of a conversation; nil if there is none.
	Record(to, from string) (*history.Record, error)
	// End ends a conversation, or erases it.
	End(ctx context.Context, to, from string, erase bool) (history.Ending, error)
}

// Options describe a crowd.
type Options struct {
	System System
	Redis  Redis // nil if there are no operators
	Seed   uint64
	Size   int           // how many conversations go on at the same time
	Idle   time.Duration // how long after its last message a session ends; 0 if nobody waits for so long
	Stops  bool          // some messages are STOP
	Once   bool          // Twilio posts each message once
	// Replies is how many replies of a conversation the service remembers; 0 means all. A repeat of an older message
	// gets a document without messages.
	Replies int
	Rounds  int // how many rounds a conversation has at most; 0 means few in some and many in others
	// Settle is how long Redis must have had no fault before a record is read.
	Settle time.Duration
}

// Crowd is the senders of a run.
type Crowd struct {
	Options
	began   time.Time
	network *phone.Network

	mu      sync.Mutex
	filled  []*conversation // that have not begun
	cookies []string        // the last cookies of finished conversations
	numbers int
	stats   Stats
}

// Stats counts what the crowd did.
type Stats struct {
	Conversations, Messages, Deliveries, Unknown, Reads int
	Full                                                int // the records with as many messages as they can have
	Silent                                              int // messages without an answer after all faults have ended
}

// New returns a crowd.
func New(o Options) *Crowd {
	return &Crowd{Options: o, began: time.Now(), network: new(phone.Network)}
}

// now returns the time since the beginning of the run.
func (c *Crowd) now() time.Duration { return time.Since(c.began) }

// Fill fills the records of the first conversations. It is called before Run, while nothing is broken.
func (c *Crowd) Fill(ctx context.Context) {
	var group sync.WaitGroup
	for range c.Size / 2 {
		one := newConversation(c, c.newNumber())
		c.filled = append(c.filled, one)
		group.Go(func() { one.fill(ctx) })
	}
	group.Wait()
}

// Run sends messages until ctx ends, and waits for all answers. It then returns the histories of all conversations.
// found is called with each history when it is complete. It may be called concurrently.
func (c *Crowd) Run(ctx context.Context, found func(history.History)) Stats {
	var group sync.WaitGroup
	for range c.Size {
		group.Go(func() {
			for ctx.Err() == nil {
				for _, h := range c.converse(ctx) {
					c.add(h)
					found(h)
				}
			}
		})
	}
	group.Wait()
	return c.stats
}

// converse runs one conversation, and returns its histories. There are several if it was erased.
func (c *Crowd) converse(ctx context.Context) []history.History {
	return c.next().run(ctx)
}

// next returns a conversation that Fill has prepared, or a new one.
func (c *Crowd) next() *conversation {
	c.mu.Lock()
	if n := len(c.filled); n > 0 {
		defer c.mu.Unlock()
		one := c.filled[n-1]
		c.filled = c.filled[:n-1]
		return one
	}
	c.mu.Unlock()
	return newConversation(c, c.newNumber())
}

// newNumber returns a number that no other conversation has.
func (c *Crowd) newNumber() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.numbers++
	return c.numbers
}

// add counts a finished history.
func (c *Crowd) add(h history.History) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.Conversations++
	sids := map[string]bool{}
	for _, o := range h.Ops {
		switch o.Kind {
		case history.Deliver:
			c.stats.Deliveries++
			sids[o.SID] = true
		case history.Read:
			if o.IsKnown() {
				c.stats.Reads++
			}
			if o.Record != nil && len(o.Record.Messages) == Remembered {
				c.stats.Full++
			}
		}
		if !o.IsKnown() {
			c.stats.Unknown++
		}
	}
	c.stats.Messages += len(sids)
}

func (c *Crowd) countSilent(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.Silent += n
}

// leave keeps the cookie of a finished conversation. Another one sends it.
func (c *Crowd) leave(cookie string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cookie != "" {
		c.cookies = append(c.cookies, cookie)
	}
}

// foreign returns the cookie of another conversation; "" if there is none.
func (c *Crowd) foreign() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.cookies) == 0 {
		return ""
	}
	return c.cookies[len(c.cookies)-1]
}

// sid returns the nth MessageSid of a conversation.
func sid(conversation, n int) string { return fmt.Sprintf("SM%024x%08x", conversation, n) }

// number returns the number of the nth sender. The ITU has not assigned the country code 999, so nobody has it.
func number(n int) string { return fmt.Sprintf("+999%012d", n) }

// options returns a phone's options, except for the endpoints and the cookie.
func (c *Crowd) options(from string) phone.Options {
	return phone.Options{
		From: from, To: webhooktest.To, AuthToken: webhooktest.AuthToken, AccountSID: webhooktest.AccountSID,
		Network: c.network, Trace: true,
	}
}
