package record

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"smsession/internal/conversation"
)

const (
	// minReplies is how many stored replies are kept whatever their size.
	minReplies = 8

	// maxReplyBytes is the size beyond which older replies are removed. Replies that can be derived from the counter
	// are not stored, so they do not count.
	maxReplyBytes = 16 << 10
)

// storedReply is the reply to a message: a list of texts as JSON, or a TwiML document as a JSON string.
type storedReply struct {
	sid  string // as Escape writes it
	json []byte
}

func (s storedReply) size() int { return len(s.sid) + len(s.json) }

// Reply returns the stored reply to a message. It returns an empty reply if none was stored, or if the reply was
// removed because of its size.
func (r *Record) Reply(m Message) (reply conversation.Reply) {
	i := slices.IndexFunc(r.replies, func(s storedReply) bool { return s.sid == m.SID })
	switch {
	case i < 0:
	case jsontext.Value(r.replies[i].json).Kind() == '"':
		_ = json.Unmarshal(r.replies[i].json, &reply.TwiML, anyUTF8)
	default:
		_ = json.Unmarshal(r.replies[i].json, &reply.Texts, anyUTF8) // another value is an empty reply
	}
	return reply
}

// Remember adds a message to the record, and encodes the record. counter is the number after the message, and 0 if the
// message ended the conversation. The reply is stored unless isDerived, which states that the responder can derive it
// from the counter.
func (r *Record) Remember(sid string, counter int64, reply conversation.Reply, isDerived bool) *Record {
	m := Message{SID: Escape(sid), Counter: counter, IsStored: !isDerived}
	next := r.clone()
	next.messages = r.messages.withRoom()
	var newest []storedReply
	if m.IsStored && !reply.IsEmpty() { // a message that has no stored reply has an empty reply
		newest = []storedReply{{strings.Clone(m.SID), encodeReply(reply)}}
	}
	next.replies = next.repliesBefore(newest)
	return next.encode(m.entry())
}

// repliesBefore returns newest after the stored replies that are kept. A reply is removed with its message. The oldest
// replies are removed if all replies together are too large.
func (r *Record) repliesBefore(newest []storedReply) []storedReply {
	kept, size := newest, 0
	for _, reply := range newest {
		size = reply.size()
	}
	for _, reply := range slices.Backward(r.replies) {
		if _, found := r.messages.find(reply.sid); !found {
			continue
		}
		if size += reply.size(); size > maxReplyBytes && len(kept) >= minReplies {
			break
		}
		kept = append(kept, reply)
	}
	slices.Reverse(kept)
	return kept
}

func encodeReply(reply conversation.Reply) []byte {
	var value any = reply.Texts
	if reply.TwiML != "" {
		value = reply.TwiML
	}
	b, err := json.Marshal(value, anyUTF8)
	if err != nil {
		panic(err) // strings can always be written as JSON
	}
	return b
}
