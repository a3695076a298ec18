// Package record defines how a session is stored in Redis: the record, its JSON form, and the names of the keys. The
// package contacts no server, reads no clock, and changes no value that it was given. Except for the revision of a
// record, which is random, its results depend only on its arguments.
package record

import (
	"encoding/json"
	"strings"
	"time"

	"smsession/internal/conversation"
)

// version is the highest version of a record that this code can read. It rises only for a change that cannot be made
// with new fields, which older replicas keep.
const version = 1

// Record is one session. It never changes after it was made: a method that changes something returns another Record.
// Therefore a pointer to a Record can be shared, and is safe for concurrent use. A Record never contains the sender's
// text.
type Record struct {
	Version  int
	Counter  int64           // the number of messages answered since Began
	From, To string          // as Escape writes them
	Began    time.Time       // the first message, or the first message after the conversation was ended
	Written  time.Time       // the last change
	Deadline time.Time       // the absolute limit, which no message extends
	Ended    time.Time       // zero while the conversation goes on
	Data     json.RawMessage // the responder's own data; empty if it has none

	messages messages      // the last messages that were counted
	replies  []storedReply // the replies that cannot be derived from the counter, oldest first
	replied  []byte        // the times of the last replies, oldest first, separated by spaces; only used with a limit
	unknown  []byte        // the fields of other versions, each as `,"name":value`
	raw      []byte        // the JSON form; nil after a change
}

// New returns the record of a conversation between two addresses, which has not begun.
func New(to, from string) *Record {
	// The addresses are copied, because they may be parts of a whole request.
	return &Record{To: strings.Clone(Escape(to)), From: strings.Clone(Escape(from))}
}

// Belongs reports whether r is the record of the conversation between two addresses, which are written as in a message.
func (r *Record) Belongs(to, from string) bool { return r.To == Escape(to) && r.From == Escape(from) }

// IsUnderway reports whether the conversation has begun and has not been ended.
func (r *Record) IsUnderway() bool { return !r.Began.IsZero() && r.Ended.IsZero() }

// Begin starts a new conversation. It keeps the messages before it, so that their repeats are recognized. The lifetime
// is rounded up to seconds, and begins with the second of now.
func (r *Record) Begin(now time.Time, lifetime time.Duration) *Record {
	next := r.clone()
	next.Version, next.Counter, next.Data = version, 0, nil
	next.Began, next.Ended = stored(now), time.Time{}
	next.Deadline = stored(next.Began.Add(lifetime + time.Second - 1))
	return next
}

// Answer sets the state that the responder returned, adds the message and its reply as Remember does, and encodes the
// record. The counter stops at 2^53, the largest integer that every reader of JSON represents exactly.
func (r *Record) Answer(
	s conversation.State, now time.Time, sid string, reply conversation.Reply, recall Recall,
) *Record {
	next := r.clone()
	next.Counter, next.Data, next.Written = min(s.Counter, maxCounter), s.Data, stored(now)
	return next.remember(sid, reply, recall)
}

// End ends the conversation, and encodes the record. It keeps the messages, so that their repeats are recognized, and
// drops the responder's data.
func (r *Record) End(now time.Time) *Record {
	next := r.clone()
	next.Counter, next.Data, next.Written, next.Ended = 0, nil, stored(now), stored(now)
	return next.encode(r.messages)
}

// clone returns a copy that may be changed before it is returned to the caller.
func (r *Record) clone() *Record {
	next := *r
	next.raw = nil
	return &next
}

// stored returns t with the precision of the JSON form.
func stored(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }
