package load

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"smsession/internal/phone"
)

// conversation is one phone, its messages and their answers. It consists of rounds, one after the other. All deliveries
// of a round are made at the same time. A conversation is not safe for concurrent use.
type conversation struct {
	from  string
	sids  sids
	phone Sender

	round       int32 // 0 before the first round
	pending     int   // deliveries of the round that have not ended
	messages    []message
	recounts    []recount
	uncounted   int    // answers without a count
	example     string // describes the first answer without a count
	failedAfter int    // how many messages there were at the first error; 0 for no error
}

// message contains the facts about a message that the proof needs. It has 12 bytes.
type message struct {
	sent     int32 // the round of its first delivery
	count    int32 // of the first answer; 0 if there was none
	answered int32 // the round of that answer
}

// recount is a later answer to a message, if its count differs from that of the first answer.
type recount struct{ message, count int32 }

func newConversation(from string, phone Sender) *conversation {
	return &conversation{from: from, sids: sids(rand.Uint64()), phone: phone}
}

// begin begins the next round. messages is how many new messages it has. deliveries is how many deliveries it has, of
// old and of new messages.
func (c *conversation) begin(messages, deliveries int) {
	c.round++
	for range messages {
		c.messages = append(c.messages, message{sent: c.round})
	}
	c.pending = deliveries
}

// text returns the message that every delivery of a message sends.
func (c *conversation) text(index int32, cookieless bool) phone.Message {
	return phone.Message{SID: c.sids.of(index), Body: "message " + strconv.Itoa(int(index)+1), Cookieless: cookieless}
}

// record stores the result of a delivery of the round. d is nil if the delivery did not begin. A reply of the fallback
// URL counts like any other.
func (c *conversation) record(index int32, d *phone.Delivery) {
	c.pending--
	var replies []phone.Reply
	if d != nil {
		replies = d.Replies
	}
	count, failed := countOf(replies), d == nil || !d.OK()
	if failed && c.failedAfter == 0 {
		c.failedAfter = len(c.messages)
	}
	switch m := &c.messages[index]; {
	case count == 0 && !failed:
		if c.uncounted++; c.uncounted == 1 {
			text := ""
			if len(replies) > 0 {
				text = replies[0].Body
			}
			c.example = fmt.Sprintf("%s was answered %.60q", c.sids.of(index), text)
		}
	case count == 0 || count == m.count:
	case m.count == 0:
		m.count, m.answered = count, c.round
	default:
		c.recounts = append(c.recounts, recount{index, count})
	}
}

// over reports whether another conversation must replace this one.
func (c *conversation) over() bool {
	return len(c.messages) >= longest || c.failedAfter > 0 && len(c.messages) >= c.failedAfter+afterError
}

// countOf returns the count in the reply, or 0 if the replies are not one text of Twilio's tutorial.
// See https://www.twilio.com/docs/messaging/tutorials/how-to-create-sms-conversations.
func countOf(replies []phone.Reply) int32 {
	if len(replies) != 1 {
		return 0
	}
	if replies[0].Body == "Hello, thanks for the new message." {
		return 1
	}
	digits, isLater := strings.CutPrefix(replies[0].Body, "Hello, thanks for message number ")
	n, err := strconv.ParseInt(digits, 10, 32)
	if !isLater || err != nil || n < 2 || digits[0] == '0' || digits[0] == '+' {
		return 0
	}
	return int32(n)
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
