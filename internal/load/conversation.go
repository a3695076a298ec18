package load

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"

	"smsession/internal/phone"
)

// conversation is one phone, its messages and their answers. It consists of rounds, one after the other. All deliveries
// of a round are made at the same time. A conversation is not safe for concurrent use.
type conversation struct {
	from   string
	sids   sids
	phone  Sender
	expect Expectation

	round       int32 // 0 before the first round
	pending     int   // deliveries of the round that have not ended
	messages    []message
	recounts    []recount
	failedAfter int   // how many messages there were at the first error; 0 for no error
	uncounted   tally // answers without a count

	sample  *answered  // the first answer of all
	varied  bool       // another message had another first answer
	first   []answered // of the messages that may be delivered again
	repeats int        // answers to messages that were answered before
	silent  int        // those without a reply, although there was one before
	others  tally      // those with another reply; a recount is not one of them
}

func newConversation(from string, phone Sender, expect Expectation) *conversation {
	return &conversation{from: from, sids: sids(rand.Uint64()), phone: phone, expect: expect}
}

// begin begins the next round. messages is how many new messages it has. deliveries is how many deliveries it has, of
// old and of new messages.
func (c *conversation) begin(messages, deliveries int) {
	c.round++
	for range messages {
		c.messages = append(c.messages, message{sent: c.round})
	}
	c.first = slices.DeleteFunc(c.first, func(a answered) bool {
		return int(a.message) < len(c.messages)-resendWithin
	})
	c.pending = deliveries
}

// text returns the message that every delivery of a message sends.
func (c *conversation) text(index int32, cookieless bool) phone.Message {
	return phone.Message{SID: c.sids.of(index), Body: "message " + strconv.Itoa(int(index)+1), Cookieless: cookieless}
}

// record stores the result of a delivery of the round. d is nil if the delivery did not begin. A reply of the fallback
// URL counts like any other, but it is not compared with the reply to a repeat.
func (c *conversation) record(index int32, d *phone.Delivery) {
	c.pending--
	var replies []phone.Reply
	if d != nil {
		replies = d.Replies
	}
	count, failed, isRecount := c.expect.count(replies), d == nil || !d.OK(), false
	switch m := &c.messages[index]; {
	case count == 0 && !failed:
		c.uncounted.add("%s was answered %s", c.sids.of(index), quoted(replies))
	case count == 0 || count == m.count:
	case m.count == 0:
		m.count, m.answered = count, c.round
	default:
		isRecount = true
		c.recounts = append(c.recounts, recount{index, count})
	}
	if !failed {
		c.compare(answered{index, c.round, replies}, isRecount)
	} else if c.failedAfter == 0 {
		c.failedAfter = len(c.messages)
	}
}

// over reports whether another conversation must replace this one.
func (c *conversation) over() bool {
	return len(c.messages) >= longest || c.failedAfter > 0 && len(c.messages) >= c.failedAfter+afterError
}

// numbers generates phone numbers that nobody owns: the ITU has not assigned the country code 999 (List of ITU-T
// Recommendation E.164 assigned country codes). They have 15 digits, which is the maximum of E.164. Each run begins at
// a random number, so two runs almost never use the same numbers.
type numbers struct{ last uint64 }

const subscribers = 1_000_000_000_000 // 12 digits

func (n *numbers) next() string {
	n.last = (n.last + 1) % subscribers
	return fmt.Sprintf("+999%012d", n.last)
}

// sids generates the MessageSids of a conversation from a random number and the index of the message, so that they need
// no memory.
type sids uint64

func (s sids) of(message int32) string {
	return fmt.Sprintf("SM%016x%016x", uint64(s), message+1)
}
