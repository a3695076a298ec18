package session

import (
	"encoding/json"
	"strconv"
	"time"

	"smsession/internal/conversation"
)

const (
	// version is the highest layout of a record that this code can read. It rises only for a change that unknown fields
	// cannot carry.
	version = 1

	// remembered is how many messages a record knows by their MessageSid: the newest and the 63 before it.
	remembered = 64

	// recorded is how many replies are kept whatever their size.
	recorded = 8

	// maxMessages is the size in bytes beyond which older replies are let go. Replies that their number recalls are
	// small: 64 of them take 3 KB.
	maxMessages = 16 << 10
)

// Record is what Redis holds of one session: one JSON object, whose field names an operator reads. It never holds what
// the sender wrote.
type Record struct {
	Version  int
	Counter  int64     // messages answered since Began
	From, To string    // as name writes them
	Began    time.Time // the first message, or the first after the session was ended
	Written  time.Time // the last change
	Deadline time.Time // the absolute cap, which no message moves
	Ended    time.Time // zero while the conversation goes on

	messages []message // the last ones counted, oldest first
	unknown  []byte    // fields of other versions, each as `,"name":value`
	raw      []byte    // as it was read; what it is written back as if nothing changed
	changed  bool
}

// message is a MessageSid, as name writes it, and its reply as JSON: the counter's number where that recalls the reply,
// else the text or the list of texts, or null if it had to go for size.
type message struct{ sid, reply []byte }

// belongs reports whether the record is that of the conversation between two addresses.
func (r *Record) belongs(to, from string) bool { return r.To == name(to) && r.From == name(from) }

// begin empties the record for a conversation that starts now. What it remembers for the repeats of earlier messages
// stays.
func (r *Record) begin(now time.Time, lifetime time.Duration) {
	r.Version, r.Counter, r.Began, r.Deadline, r.Ended = version, 0, now, now.Add(lifetime), time.Time{}
}

// reply returns the recorded reply to a message. A reply that is no longer known, or that was written in a way that this
// version does not know, says nothing.
func (r *Record) reply(sid string, responder conversation.Responder) (reply conversation.Reply, repeated bool) {
	sid = name(sid)
	for i := range r.messages {
		if string(r.messages[i].sid) == sid {
			return parseReply(r.messages[i].reply, responder), true
		}
	}
	return nil, false
}

// count takes a message and its reply into the record.
func (r *Record) count(sid string, state conversation.State, reply conversation.Reply, responder conversation.Responder, now time.Time) {
	r.Counter, r.Written, r.changed = state.Counter, now, true
	r.remember(sid, formatReply(state.Counter, reply, responder))
}

// end closes the conversation with the message that asked for it. The record stays for the repeats of what came before.
func (r *Record) end(sid string, now time.Time) {
	r.Counter, r.Written, r.Ended, r.changed = 0, now, now, true
	r.remember(sid, []byte("0"))
}

func (r *Record) remember(sid string, reply []byte) {
	r.messages = append(r.messages, message{sid: []byte(name(sid)), reply: reply})
	if extra := len(r.messages) - remembered; extra > 0 {
		r.messages = r.messages[extra:]
	}
	size := 0
	for i := len(r.messages) - 1; i >= 0; i-- {
		m := &r.messages[i]
		size += len(m.sid) + len(m.reply)
		if size > maxMessages && i < len(r.messages)-recorded && len(m.reply) > len("null") {
			size -= len(m.reply)
			m.reply = []byte("null")
		}
	}
}

func formatReply(counter int64, reply conversation.Reply, responder conversation.Responder) []byte {
	switch {
	case equal(reply, responder.Recall(counter)):
		return strconv.AppendInt(nil, counter, 10)
	case len(reply) == 1:
		return marshal(reply[0])
	case len(reply) == 0:
		return []byte("[]")
	default:
		return marshal([]string(reply))
	}
}

func parseReply(value []byte, responder conversation.Responder) conversation.Reply {
	if counter, err := strconv.ParseInt(string(value), 10, 64); err == nil {
		return responder.Recall(counter)
	}
	if one, ok := text(value); ok {
		return conversation.Reply{one}
	}
	var several []string
	_ = json.Unmarshal(value, &several) // anything else says nothing
	return several
}

func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and lists of strings always can be
	}
	return b
}

func equal(a, b conversation.Reply) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
