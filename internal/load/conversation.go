package load

import (
	"strconv"
	"sync"

	"smsession/internal/phone"
)

// conversation is one phone and what has become of its messages. It has its turns one after the other; within a turn all
// deliveries are at once.
type conversation struct {
	from  string
	sids  sids
	phone Sender // nil before the first turn
	turn  int32

	mu       sync.Mutex // for the deliveries of a turn; between turns nobody else has the conversation
	pending  int        // deliveries of the turn that have not ended
	messages []message
	recounts []recount
	mutes    int    // answers without a count
	mute     string // what the first of them said
	muted    int32  // and to which message
	failed   int    // how many messages there were when the first error came; 0 for none
}

// message is what the proof needs of a message: 12 bytes.
type message struct {
	sent     int32 // the turn of its first delivery
	count    int32 // what the first answer said; 0 if there was none
	answered int32 // the turn of that answer
}

// recount is an answer with another count than the message's first one.
type recount struct{ message, count int32 }

// outcome is what one delivery brought.
type outcome struct {
	count  int32  // 0: none
	failed bool   // Twilio would have logged an error, or the delivery was cut off
	text   string // what the sender got, where there is neither a count nor an error
}

func newConversation(from string) *conversation { return &conversation{from: from, sids: newSIDs()} }

// message is what a delivery carries. The same message is the same again.
func (c *conversation) message(t task) phone.Message {
	return phone.Message{
		SID:        c.sids.of(int(t.message)),
		Body:       "message " + strconv.Itoa(int(t.message)+1),
		Cookieless: t.cookieless,
	}
}

// note takes what a delivery of the present turn brought. It reports whether that was the turn's last.
func (c *conversation) note(index int32, o outcome) (last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if o.failed && c.failed == 0 {
		c.failed = len(c.messages)
	}
	switch m := &c.messages[index]; {
	case o.count == 0 && !o.failed:
		if c.mutes++; c.mutes == 1 {
			c.mute, c.muted = o.text, index
		}
	case o.count == 0 || o.count == m.count:
	case m.count == 0:
		m.count, m.answered = o.count, c.turn
	default:
		c.recounts = append(c.recounts, recount{index, o.count})
	}
	c.pending--
	return c.pending == 0
}

// over reports whether another conversation is to take the place of this one.
func (c *conversation) over() bool {
	return len(c.messages) >= longest || c.failed > 0 && len(c.messages) >= c.failed+afterError
}

// outcomeOf reads a delivery. A reply of the fallback URL counts like any other.
func outcomeOf(d *phone.Delivery) outcome {
	o := outcome{count: countOf(d.Replies), failed: !d.OK()}
	if o.count == 0 && !o.failed {
		o.text = said(d.Replies)
	}
	return o
}

// said is the beginning of what the sender reads, to be quoted.
func said(replies []phone.Reply) string {
	const enough = 60
	if len(replies) == 0 {
		return ""
	}
	text := replies[0].Body
	if len(text) > enough {
		text = text[:enough] + "…"
	}
	return text
}
