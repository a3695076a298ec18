package crowd

import (
	"cmp"
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"smsession/internal/chaostest/history"
	"smsession/internal/webhooktest"
)

const (
	// Remembered is how many messages a record contains.
	Remembered = 64
	// longest is how many messages a conversation has at most, except for those of fill. A repeat must be remembered.
	longest = 48
	// filling is how many messages fill sends. With a few more, the record is full.
	filling = Remembered - 4
	// tries is how often a message without an answer is sent again at the end, and moreTries is how often if the faults
	// have ended. The sender of a try may hang up.
	tries, moreTries = 3, 10
)

// conversation is one sender.
type conversation struct {
	*Crowd
	n      int
	from   string
	random *rand.Rand // used by one goroutine
	record *history.Recorder
	before []history.History // those that were erased
	sent   []message
	filled int // how many of them fill has sent

	isFilling bool

	mu      sync.Mutex
	cookie  string   // of the last answer
	stale   []string // older cookies
	answers map[string]bool
}

// message is a message of the conversation.
type message struct {
	sid, body string
}

func newConversation(c *Crowd, n int) *conversation {
	from := number(n)
	return &conversation{Crowd: c, n: n, from: from, random: rand.New(rand.NewPCG(c.Seed, uint64(n))),
		record: history.NewRecorder(from), answers: map[string]bool{}}
}

// run sends messages until there are enough, or ctx ends. Then it tries to learn the outcome of each message, and reads
// the record.
func (c *conversation) run(ctx context.Context) []history.History {
	for range cmp.Or(c.Rounds, c.rounds()) {
		if ctx.Err() != nil || len(c.sent) > c.filled+longest-5 {
			break
		}
		c.round(ctx)
		pause := 200 * time.Millisecond
		if len(c.sent) > 0 && !c.isAnswered(c.sent[len(c.sent)-1]) {
			pause *= 10 // a person waits before trying again
		}
		sleep(ctx, time.Duration(c.random.Int64N(int64(pause))))
	}
	if !c.Once {
		c.insist(ctx.Err() != nil)
	}
	c.read()
	c.leave(c.cookie)
	return append(c.before, c.record.History())
}

// rounds returns a small or a large number. Some mistakes show only in the first messages of many conversations.
func (c *conversation) rounds() int {
	if c.filled == 0 && c.random.IntN(2) == 0 {
		return 3
	}
	return 30
}

// fill sends messages one after the other, each in one request, so that the record is soon full. It ends with the first
// one without an answer, because a request that is under way must not come after the record has forgotten the message.
func (c *conversation) fill(ctx context.Context) {
	c.isFilling = true
	for range filling {
		m := c.next("hello")
		if c.delivery(ctx, m)(); ctx.Err() != nil || !c.isAnswered(m) {
			break
		}
	}
	c.isFilling, c.filled = false, len(c.sent)
}

// round does one thing.
func (c *conversation) round(ctx context.Context) {
	switch p := c.random.IntN(100); {
	case p < 4 && c.Stops && len(c.sent) > 0:
		c.deliver(ctx, c.next("STOP"))
	case p < 10 && c.Redis != nil:
		c.endBetween(ctx)
	case p < 12 && c.Redis != nil:
		c.erase(ctx)
	case p < 13 && c.Idle > 0:
		sleep(ctx, c.Idle+c.Idle/8)
	case p < 23 && !c.Once && len(c.sent) > 0:
		last := c.sent[max(0, len(c.sent)-cmp.Or(c.Replies, 10)):]
		c.deliver(ctx, last[c.random.IntN(len(last))])
	case p < 40, p < 70 && len(c.sent) == 0:
		c.burst(ctx, 2+c.random.IntN(3))
	default:
		c.burst(ctx, 1)
	}
}

// next returns a new message.
func (c *conversation) next(body string) message {
	m := message{sid(c.n, len(c.sent)+1), body}
	c.sent = append(c.sent, m)
	return m
}

// burst sends new messages at once, each one to four times.
func (c *conversation) burst(ctx context.Context, n int) {
	var all []func()
	for range n {
		m := c.next("hello")
		copies := 1 + c.random.IntN(4)*c.random.IntN(2)
		if c.Once {
			copies = 1
		}
		for range copies {
			all = append(all, c.delivery(ctx, m))
		}
	}
	atOnce(all)
}

// deliver sends a message once or twice.
func (c *conversation) deliver(ctx context.Context, m message) {
	all := []func(){c.delivery(ctx, m)}
	if c.random.IntN(2) == 0 {
		all = append(all, c.delivery(ctx, m))
	}
	atOnce(all)
}

func atOnce(all []func()) {
	var group sync.WaitGroup
	for _, one := range all {
		group.Go(one)
	}
	group.Wait()
}

// insist sends the messages again that have no answer. If all faults have ended, each message must have one then.
func (c *conversation) insist(isHealthy bool) {
	open := c.open()
	for n := 0; len(open) > 0 && (n < tries || isHealthy && n < moreTries); n++ {
		for _, m := range open {
			c.delivery(context.Background(), m)()
		}
		open = c.open()
	}
	if isHealthy {
		c.countSilent(len(open))
	}
}

// open returns the messages that have no answer, and whose reply the service still remembers.
func (c *conversation) open() (some []message) {
	for _, m := range c.sent[max(0, len(c.sent)-cmp.Or(c.Replies, longest)):] {
		if !c.isAnswered(m) {
			some = append(some, m)
		}
	}
	return some
}

func (c *conversation) isAnswered(m message) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.answers[m.sid]
}

// read reads the record, once Redis has settled.
func (c *conversation) read() {
	if c.Redis == nil {
		return
	}
	for deadline := c.now() + time.Minute; !c.System.Calm(c.Settle) && c.now() < deadline; {
		time.Sleep(50 * time.Millisecond)
	}
	o := history.Op{Kind: history.Read, Call: c.now(), Return: history.Never}
	r, err := c.Redis.Record(webhooktest.To, c.from)
	if o.Record = r; err == nil {
		o.Return = c.now()
	} else {
		o.Via = err.Error()
	}
	c.record.Add(o)
}

// endBetween ends the conversation while messages come.
func (c *conversation) endBetween(ctx context.Context) {
	var group sync.WaitGroup
	group.Go(func() { c.end(ctx) })
	for range 1 + c.random.IntN(5) {
		c.burst(ctx, 1)
	}
	group.Wait()
}

// end ends the conversation as an operator does.
func (c *conversation) end(ctx context.Context) {
	o := history.Op{Kind: history.End, Call: c.now(), Return: history.Never}
	e, err := c.Redis.End(ctx, webhooktest.To, c.from, false)
	if o.Ended = e; err == nil {
		o.Return = c.now()
	} else {
		o.Via = err.Error()
	}
	c.record.Add(o)
}

// erase erases the conversation, and begins a new history. Before it is sure that the conversation is erased, nobody
// sends a message.
func (c *conversation) erase(ctx context.Context) {
	for {
		if _, err := c.Redis.End(context.WithoutCancel(ctx), webhooktest.To, c.from, true); err == nil {
			break
		}
	}
	c.before = append(c.before, c.record.Cut())
	next := c.newNumber() // so that no MessageSid of the next history was in the last one
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent, c.n, c.filled = nil, next, 0
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
