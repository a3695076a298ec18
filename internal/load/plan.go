package load

import (
	"math/rand/v2"
	"time"
)

// Asked is the load that the server got.
type Asked struct {
	Conversations  int `json:"conversations"`    // that were begun
	Messages       int `json:"messages"`         // each with its own MessageSid
	RepeatsAtOnce  int `json:"repeats_at_once"`  // deliveries of a message at the same time as its first one
	RepeatsLater   int `json:"repeats_later"`    // deliveries of a message in a later turn
	CookiesLost    int `json:"cookies_lost"`     // deliveries that left out the cookies of the phone
	Bursts         int `json:"bursts"`           // turns with several messages at once
	FirstRaces     int `json:"first_races"`      // bursts that began a conversation
	MessagesABurst int `json:"messages_a_burst"` // as asked for; the last burst may be smaller
}

// task is one delivery.
type task struct {
	conversation *conversation
	message      int32
	cookieless   bool
	due          time.Time // the zero time if there is no rate
}

// planner decides what is sent. It is for one goroutine.
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

// done reports whether all messages were begun.
func (p *planner) done() bool { return p.Messages > 0 && p.asked.Messages >= p.Messages }

// due returns the time at which the next message is due, even if earlier messages were late. Without a rate it is the
// zero time.
func (p *planner) due(began time.Time) time.Time {
	if p.Rate == 0 {
		return time.Time{}
	}
	return began.Add(time.Duration(float64(p.asked.Messages) / p.Rate * float64(time.Second)))
}

// plan begins the next turn of a conversation and returns its deliveries. They are valid until the next call.
func (p *planner) plan(c *conversation, due time.Time) []task {
	if c.turn++; c.turn == 1 {
		p.asked.Conversations++
	}
	p.turn = p.turn[:0]
	if old := len(c.messages); old > 0 && p.chance(p.Resend/2) {
		p.asked.RepeatsLater++
		p.deliver(c, int32(old-1-p.random.IntN(min(old, resendWithin))), due)
	}
	for range p.size(c) {
		index := int32(len(c.messages))
		c.messages = append(c.messages, message{sent: c.turn})
		p.asked.Messages++
		p.deliver(c, index, due)
		if p.chance(p.Resend / 2) {
			p.asked.RepeatsAtOnce++
			p.deliver(c, index, due)
		}
	}
	c.pending = len(p.turn)
	return p.turn
}

// size returns how many new messages the turn has.
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

func (p *planner) deliver(c *conversation, message int32, due time.Time) {
	t := task{conversation: c, message: message, cookieless: c.turn > 1 && p.chance(p.LoseCookies), due: due}
	if t.cookieless {
		p.asked.CookiesLost++
	}
	p.turn = append(p.turn, t)
}

func (p *planner) chance(share float64) bool { return share > 0 && p.random.Float64() < share }
