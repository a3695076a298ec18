package load

import (
	"math/rand/v2"
	"time"
)

// Asked is what was asked of the server.
type Asked struct {
	Conversations  int `json:"conversations"`    // that were begun
	Messages       int `json:"messages"`         // with a MessageSid each
	RepeatsAtOnce  int `json:"repeats_at_once"`  // deliveries of a message beside its first one
	RepeatsLater   int `json:"repeats_later"`    // deliveries of a message in a later turn
	CookiesLost    int `json:"cookies_lost"`     // deliveries without the cookies that were there
	Bursts         int `json:"bursts"`           // turns with several messages at once
	FirstRaces     int `json:"first_races"`      // of those, the ones that began a conversation
	MessagesABurst int `json:"messages_a_burst"` // as asked for; the last one may be smaller
}

// task is one delivery.
type task struct {
	conversation *conversation
	message      int32
	cookieless   bool
	due          time.Time // when it was to begin; the zero time: when it does
}

// planner decides what conversations do. It is for one goroutine.
type planner struct {
	*Options
	random *rand.Rand
	asked  Asked
	turn   []task
}

func newPlanner(o *Options) *planner {
	return &planner{
		Options: o,
		random:  rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())),
		asked:   Asked{MessagesABurst: o.Burst},
	}
}

// done reports whether there are no more messages to be begun.
func (p *planner) done() bool { return p.Messages > 0 && p.asked.Messages >= p.Messages }

// plan begins the conversation's next turn and returns its deliveries and how many new messages are among them. The
// deliveries are valid until the next call.
func (p *planner) plan(c *conversation) (turn []task, messages int) {
	if c.turn++; c.turn == 1 {
		p.asked.Conversations++
	}
	p.turn = p.turn[:0]
	if old := len(c.messages); old > 0 && p.chance(p.Resend/2) {
		p.asked.RepeatsLater++
		p.deliver(c, int32(old-1-p.random.IntN(min(old, resendWithin))))
	}
	messages = p.size(c)
	for range messages {
		p.begin(c)
	}
	c.pending = len(p.turn)
	return p.turn, messages
}

// size is how many new messages the turn has.
func (p *planner) size(c *conversation) int {
	first, n := c.turn == 1, 1
	if first && p.chance(p.FirstRace) || !first && p.random.IntN(burstEvery) == 0 {
		n = p.Burst
	}
	if p.Messages > 0 {
		n = min(n, p.Messages-p.asked.Messages)
	}
	if n > 1 {
		p.asked.Bursts++
		if first {
			p.asked.FirstRaces++
		}
	}
	return n
}

// begin adds a new message to the turn, now and then twice.
func (p *planner) begin(c *conversation) {
	index := int32(len(c.messages))
	c.messages = append(c.messages, message{sent: c.turn})
	p.asked.Messages++
	p.deliver(c, index)
	if p.chance(p.Resend / 2) {
		p.asked.RepeatsAtOnce++
		p.deliver(c, index)
	}
}

func (p *planner) deliver(c *conversation, message int32) {
	t := task{conversation: c, message: message, cookieless: c.turn > 1 && p.chance(p.LoseCookies)}
	if t.cookieless {
		p.asked.CookiesLost++
	}
	p.turn = append(p.turn, t)
}

func (p *planner) chance(share float64) bool { return share > 0 && p.random.Float64() < share }
