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
)

// Answer takes the delivery's message into the session and returns the reply to it: for a message that was counted
// before, the recorded one. A message that ends the conversation gets no reply. Answer must be called inside Middleware,
// once.
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
	r.count(d.sid, state, reply, m.responder, now)
	return reply
}

// Report is what became of a delivery, for the log.
type Report struct {
	// Received is when the request came in, if the caller knows: the budget runs from there, so that a body which took
	// its time to arrive does not take the sum past what Twilio waits.
	Received time.Time

	Result   Result // "" if it failed
	Attempts int    // 0 if it was not let in
}
