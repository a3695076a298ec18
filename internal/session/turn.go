package session

import (
	"context"
	"fmt"
	"time"

	"smsession/internal/conversation"
	"smsession/internal/session/record"
)

// turn answers a message. It returns the record after the message, and the outcome without what the commit adds. A
// message that was counted before gets the recorded reply and leaves the record unchanged. turn changes nothing but its
// results; only the responder may have effects.
//
// A message that ends the conversation gets no reply. The same applies to a message whose conversation has had
// MaxReplies replies in the last minute. Both are counted like other messages.
func (m *Manager) turn(ctx context.Context, r *record.Record, in *Incoming, now time.Time) (*record.Record, *Outcome, error) {
	if message, isRepeat := r.Find(in.SID); isRepeat {
		return r, &Outcome{Result: Repeated, Reply: m.recorded(r, message)}, nil
	}
	if in.Ends {
		return m.ended(r, in.SID, conversation.Reply{}, now), &Outcome{Result: Ended}, nil
	}
	if !r.IsUnderway() {
		r = r.Begin(now, m.options.Lifetime)
	}
	state, reply, err := m.options.Responder.Respond(ctx, r.State(), in.Message)
	if err == nil {
		err = record.CheckApp(state.Data)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrResponder, err)
	}
	o := &Outcome{Result: Continued, Reply: reply}
	if r.Counter == 0 {
		o.Result = Begun
	}
	if !reply.IsEmpty() {
		var isAllowed bool
		if r, isAllowed = r.AllowReply(m.options.MaxReplies, now); !isAllowed {
			o = &Outcome{Result: Guarded}
		}
	}
	if state.HasEnded {
		o.Result = Ended
		return m.ended(r, in.SID, o.Reply, now), o, nil
	}
	isDerived := o.Reply.Equal(m.options.Responder.Recall(state.Counter))
	return r.Update(state, now).Remember(in.SID, state.Counter, o.Reply, isDerived), o, nil
}

// recorded returns the reply to a message that was counted before.
func (m *Manager) recorded(r *record.Record, message record.Message) conversation.Reply {
	if message.IsStored {
		return r.Reply(message)
	}
	return m.options.Responder.Recall(message.Counter)
}

// ended returns the record after a message that ended the conversation.
func (m *Manager) ended(r *record.Record, sid string, reply conversation.Reply, now time.Time) *record.Record {
	if r.Began.IsZero() {
		r = r.Begin(now, m.options.Lifetime)
	}
	return r.End(now).Remember(sid, 0, reply, reply.Equal(m.options.Responder.Recall(0)))
}
