package load

import (
	"math/rand/v2"
	"time"
)

// Asked counts the messages, repeats and faults that were sent to the server.
type Asked struct {
	Conversations  int `json:"conversations"`    // that have begun
	Messages       int `json:"messages"`         // each with its own MessageSid
	RepeatsAtOnce  int `json:"repeats_at_once"`  // deliveries of a message at the same time as its first one
	RepeatsLater   int `json:"repeats_later"`    // deliveries of a message in a later round
	CookiesLost    int `json:"cookies_lost"`     // deliveries that were sent without the cookies of the phone
	Bursts         int `json:"bursts"`           // rounds with several messages at once
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

// planner decides which messages are sent. It is not safe for concurrent use.
type planner struct {
	Options
	asked Asked
}

// done reports whether the limit of messages is reached.
func (p *planner) done() bool { return p.Messages > 0 && p.asked.Messages >= p.Messages }

// due returns the time at which the next message is due. It does not depend on whether earlier messages were late.
// Without a rate it is the zero time.
func (p *planner) due(began time.Time) time.Time {
	if p.Rate == 0 {
		return time.Time{}
	}
	return began.Add(time.Duration(float64(p.asked.Messages) / p.Rate * float64(time.Second)))
}

// plan begins the next round of a conversation and returns its deliveries.
func (p *planner) plan(c *conversation, due time.Time) []task {
	first, old := c.round == 0, len(c.messages)
	var round []task
	deliver := func(message int) {
		t := task{conversation: c, message: int32(message), cookieless: !first && chance(p.LoseCookies), due: due}
		if t.cookieless {
			p.asked.CookiesLost++
		}
		round = append(round, t)
	}
	size := p.size(first)
	if oldest := c.repeatable(size); oldest < old && chance(p.Resend/2) {
		p.asked.RepeatsLater++
		deliver(oldest + rand.IntN(old-oldest))
	}
	for i := range size {
		deliver(old + i)
		if chance(p.Resend / 2) {
			p.asked.RepeatsAtOnce++
			deliver(old + i)
		}
	}
	p.asked.Messages += size
	if first {
		p.asked.Conversations++
	}
	c.begin(size, len(round))
	return round
}

// repeatable returns the oldest message that may be delivered again in a round with some new messages. It is the number
// of messages if there is none. The server can have counted the messages of a round in any order.
func (c *conversation) repeatable(size int) (oldest int) {
	oldest = len(c.messages)
	for i := oldest - 1; i >= 0 && len(c.messages)+size-i <= resendWithin; i-- {
		if i == 0 || c.messages[i-1].sent != c.messages[i].sent { // i begins a round
			oldest = i
		}
	}
	return oldest
}

// size returns how many new messages the next round has.
func (p *planner) size(first bool) int {
	if first && !chance(p.FirstRace) || !first && rand.IntN(burstEvery) > 0 {
		return 1
	}
	n := p.Burst
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

func chance(share float64) bool { return share > 0 && rand.Float64() < share }
