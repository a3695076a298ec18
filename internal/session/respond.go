package session

import (
	"context"
	"fmt"
	"time"

	"smsession/internal/conversation"
	"smsession/internal/session/record"
)

// processed is the result of respond, which commit has not saved yet. It never changes after it was made.
type processed struct {
	record *record.Record // the record after the message
	reply  conversation.Reply
	result Result
}

// respond processes a message. r is the record before the message. A message that was counted before gets the recorded
// reply and leaves the record unchanged. respond has no side effects, except those of the responder.
//
// A message that ends the conversation gets no reply. The same applies to a message whose conversation has had
// MaxReplies replies in the last minute. Both are counted like other messages.
//
// An error of respond wraps ErrResponder and its cause.
func (m *Manager) respond(ctx context.Context, r *record.Record, in *Incoming, now time.Time) (processed, error) {
	recall := m.options.Responder.Recall
	if reply, isRepeat := r.Reply(in.SID, recall); isRepeat {
		return processed{r, reply, Repeated}, nil
	}
	if in.Ends {
		return m.ended(r, in.SID, conversation.Reply{}, now), nil
	}
	if !r.IsUnderway() {
		r = r.Begin(now, m.options.Lifetime)
	}
	before := conversation.State{Counter: r.Counter, Data: r.Data}
	after, reply, err := m.options.Responder.Respond(ctx, before, in.Message)
	if err == nil {
		err = record.CheckData(after.Data)
	}
	if err != nil {
		return processed{}, fmt.Errorf("%w: %w", ErrResponder, err)
	}
	result := Continued
	if before.Counter == 0 {
		result = Begun
	}
	if !reply.IsEmpty() {
		var isAllowed bool
		if r, isAllowed = r.AllowReply(m.options.MaxReplies, now); !isAllowed {
			reply, result = conversation.Reply{}, Guarded
		}
	}
	if after.HasEnded {
		return m.ended(r, in.SID, reply, now), nil
	}
	return processed{r.Update(after, now).Remember(in.SID, reply, recall), reply, result}, nil
}

// ended processes a message that ends the conversation.
func (m *Manager) ended(r *record.Record, sid string, reply conversation.Reply, now time.Time) processed {
	if r.Began.IsZero() {
		r = r.Begin(now, m.options.Lifetime)
	}
	return processed{r.End(now).Remember(sid, reply, m.options.Responder.Recall), reply, Ended}
}
