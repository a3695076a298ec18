package session

import (
	"encoding/json"
	"slices"
	"time"

	"smsession/internal/conversation"
)

const (
	// version is the highest layout of a record that this code can read. It rises only for a change that unknown fields
	// cannot carry.
	version = 1

	// recorded is how many replies are kept whatever their size.
	recorded = 8

	// maxReplies is the size in bytes beyond which older replies are removed. Replies that can be derived from the
	// counter are not stored, so they do not count.
	maxReplies = 16 << 10
)

// Record is the data of one session in Redis: one JSON object, whose field names an operator reads. It never contains
// the text of the sender.
type Record struct {
	Version  int
	Counter  int64     // messages answered since Began
	From, To string    // as name writes them
	Began    time.Time // the first message, or the first after the session was ended
	Written  time.Time // the last change
	Deadline time.Time // the absolute limit, which no message extends
	Ended    time.Time // zero while the conversation goes on

	messages messages        // the last ones counted
	replied  replied         // the times of the replies in the last minute; used only if there is a limit
	replies  []recordedReply // the replies to these messages that cannot be derived from the counter, oldest first
	unknown  []byte          // fields of other versions, each as `,"name":value`
	raw      []byte          // the record as it was read; it is written back unchanged if nothing changed
	changed  bool
	scratch  *scratch
}

// scratch has buffers for the writing of a changed record. Without them, these would be most of the memory that a
// message allocates.
type scratch struct{ messages, record []byte }

// recordedReply is the reply to a message: a list of texts, as JSON.
type recordedReply struct {
	sid   string // as name writes it
	texts []byte
}

// belongs reports whether the record is that of the conversation between two addresses, as name writes them.
func (r *Record) belongs(to, from string) bool { return r.To == to && r.From == from }

// begin starts a new conversation in the record. The record keeps the earlier messages, so that repeats of these are
// detected.
func (r *Record) begin(now time.Time, lifetime time.Duration) {
	r.Version, r.Counter, r.Began, r.Deadline, r.Ended = version, 0, now, now.Add(lifetime), time.Time{}
}

// reply returns the recorded reply to a message, and whether the message was counted before. sid is the MessageSid as
// name writes it. If the reply was removed because of its size, reply returns no text.
func (r *Record) reply(sid string, responder conversation.Responder) (reply conversation.Reply, repeated bool) {
	is, repeated := r.messages.find(sid)
	if !repeated {
		return nil, false
	}
	if !is.recorded {
		return responder.Recall(is.counter), true
	}
	for _, recorded := range r.replies {
		if recorded.sid == sid {
			_ = json.Unmarshal(recorded.texts, &reply) // a value that is not a list of texts is an empty reply
		}
	}
	return reply, true
}

// count adds a message and its reply to the record.
func (r *Record) count(sid string, state conversation.State, reply conversation.Reply, responder conversation.Responder, now time.Time) {
	r.Counter, r.Written = min(state.Counter, maxCounter), now
	recorded := !slices.Equal(reply, responder.Recall(state.Counter))
	r.remember(sid, found{state.Counter, recorded})
	if recorded && len(reply) > 0 { // a recorded message without a stored reply has an empty reply
		r.replies = append(r.replies, recordedReply{sid, marshal(reply)})
	}
	r.forget()
}

// end ends the conversation with the message that asked for it. The record keeps the messages, so that repeats of these
// are detected.
func (r *Record) end(sid string, now time.Time) {
	r.Counter, r.Written, r.Ended = 0, now, now
	r.remember(sid, found{})
	r.forget()
}

func (r *Record) remember(sid string, is found) {
	if r.scratch == nil || r.changed { // if the record has changed, its messages are already in the buffer
		r.scratch = &scratch{}
	}
	r.messages = r.messages.add(r.scratch.messages, sid, is)
	r.scratch.messages, r.changed = r.messages, true
}

// forget removes the replies to messages that are no longer remembered. It also removes the oldest replies while all
// replies together are too large.
func (r *Record) forget() {
	r.replies = slices.DeleteFunc(r.replies, func(reply recordedReply) bool {
		_, remembered := r.messages.find(reply.sid)
		return !remembered
	})
	size := 0
	for i := len(r.replies) - 1; i >= 0; i-- {
		size += len(r.replies[i].sid) + len(r.replies[i].texts)
		if size > maxReplies && i < len(r.replies)-recorded {
			r.replies = r.replies[i+1:]
			return
		}
	}
}

// shrink makes a record smaller by at least the given number of bytes. It removes the oldest replies, and if that is
// not enough, the fields that other versions have written. If there is nothing more to remove, it stops.
func (r *Record) shrink(bytes int) {
	for bytes > 0 && len(r.replies) > 0 {
		bytes -= len(r.replies[0].sid) + len(r.replies[0].texts)
		r.replies = r.replies[1:]
	}
	if bytes > 0 {
		r.unknown, r.replied = nil, nil
	}
}

// marshal writes a reply as a JSON list.
func marshal(reply conversation.Reply) []byte {
	b, err := json.Marshal(reply)
	if err != nil {
		panic(err) // a list of strings can always be written as JSON
	}
	return b
}
