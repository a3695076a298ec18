package record

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"smsession/internal/conversation"
)

const (
	// maxReplies is how many stored replies are kept. Replies that can be derived from the counter are not stored, so
	// they do not count. Each message reads and writes all replies: 64 of them cost a third of a message's CPU time.
	maxReplies = 8

	// maxReplyBytes is the size of the stored replies beyond which older ones are removed. The newest one is always
	// kept.
	maxReplyBytes = 32 << 10
)

// storedReply is the reply to a message: a list of texts as JSON, or a TwiML document as a JSON string.
type storedReply struct {
	sid  string // as Escape writes it
	json []byte
}

func (s storedReply) size() int { return len(s.sid) + len(s.json) }

// Recall is the method of a responder that derives the reply to a message from the counter after it.
type Recall func(counter int64) conversation.Reply

// Reply returns the reply to a message that was counted, and reports whether the message was counted. recall derives
// the reply if it was not stored. The reply is empty if it was stored, and was then removed because of its size.
func (r *Record) Reply(sid string, recall Recall) (reply conversation.Reply, isCounted bool) {
	sid = Escape(sid)
	value, isCounted := r.messages.find(sid)
	if !isCounted {
		return conversation.Reply{}, false
	}
	counter, isStored := parseValue(value)
	if !isStored {
		return recall(counter), true
	}
	for _, s := range r.replies {
		if s.sid == sid {
			return s.reply(), true
		}
	}
	return conversation.Reply{}, true
}

func (s storedReply) reply() (reply conversation.Reply) {
	if jsontext.Value(s.json).Kind() == '"' {
		_ = json.Unmarshal(s.json, &reply.TwiML, anyUTF8)
	} else {
		_ = json.Unmarshal(s.json, &reply.Texts, anyUTF8) // another value is an empty reply
	}
	return reply
}

// Remember adds a message and its reply after End has set the counter, and encodes the record. The reply is stored only
// if recall does not derive it from the counter. A reply is removed with its message. The oldest replies are removed if
// there are too many, or if all together are too large.
func (r *Record) Remember(sid string, reply conversation.Reply, recall Recall) *Record {
	return r.clone().remember(sid, reply, recall)
}

// remember does what Remember does, to r, which must be a clone.
func (r *Record) remember(sid string, reply conversation.Reply, recall Recall) *Record {
	sid = Escape(sid)
	isStored := !reply.Equal(recall(r.Counter))
	list, evicted := r.messages.with(sid, r.Counter, isStored)
	r.replies = slices.DeleteFunc(slices.Clone(r.replies), func(s storedReply) bool {
		_, isEvicted := evicted.find(s.sid)
		return isEvicted || s.sid == sid // a reply without a message, which this service does not write
	})
	if isStored && !reply.IsEmpty() { // a message that has no stored reply has an empty reply
		r.replies = append(r.replies, storedReply{strings.Clone(sid), encodeReply(reply)})
	}
	r.replies = newest(r.replies)
	return r.encode(list[:]...)
}

// newest returns the newest replies, as many as may be kept.
func newest(replies []storedReply) []storedReply {
	size := 0
	for i, s := range slices.Backward(replies) {
		size += s.size()
		if n := len(replies) - i; n > maxReplies || n > 1 && size > maxReplyBytes {
			return replies[i+1:]
		}
	}
	return replies
}

func encodeReply(reply conversation.Reply) []byte {
	if reply.TwiML != "" {
		b, _ := jsontext.AppendQuote(nil, reply.TwiML) // replaces invalid UTF-8, as Marshal does, and returns an error
		return b
	}
	b, err := json.Marshal(reply.Texts, anyUTF8)
	if err != nil {
		panic(err) // strings can always be written as JSON
	}
	return b
}
