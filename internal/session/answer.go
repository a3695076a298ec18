package session

import (
	"context"
	"time"

	"smsession/internal/conversation"
)

// Result says what a delivery did to its conversation.
type Result string

const (
	Begun     Result = "begun"     // the first message of a conversation
	Continued Result = "continued" // a further one
	Repeated  Result = "repeated"  // a message that had been counted before
	Ended     Result = "ended"     // the message that ended it
	Guarded   Result = "guarded"   // a first or further one that got no reply, because there were too many in a minute
)

// Results are all that there are.
func Results() []Result { return []Result{Begun, Continued, Repeated, Ended, Guarded} }

// Answer takes the delivery's message into the session and returns the reply to it: for a message that was counted
// before, the recorded one. A message that ends the conversation gets no reply, nor does one that comes when its
// conversation has had as many as MaxReplies in the last minute; both are counted like others. Answer must be called
// inside Middleware, once.
func (m *Manager) Answer(ctx context.Context, end bool) conversation.Reply {
	d := deliveryFrom(ctx)
	now := time.Now()
	r, found := m.scs.Get(ctx, recordKey).(*Record)
	if !found {
		r = &Record{From: d.from, To: d.to}
		r.begin(now, m.scs.Lifetime)
		m.scs.SetDeadline(ctx, r.Deadline)
		m.scs.Put(ctx, recordKey, r)
	}
	r.scratch = d.scratch
	if reply, repeated := r.reply(d.sid, m.responder); repeated {
		d.report.Result = Repeated
		return reply
	}
	if end {
		d.report.Result = Ended
		r.end(d.sid, now)
		return nil
	}
	if !r.Ended.IsZero() {
		r.begin(now, m.scs.Lifetime)
		m.scs.SetDeadline(ctx, r.Deadline)
	}
	d.report.Result = Continued
	if r.Counter == 0 {
		d.report.Result = Begun
	}
	state, reply := m.responder.Respond(conversation.State{Counter: r.Counter}, d.message)
	if len(reply) > 0 && !r.mayReply(m.maxReplies, now) {
		d.report.Result, reply = Guarded, nil
	}
	r.count(d.sid, state, reply, m.responder, now)
	return reply
}
