package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"smsession/internal/conversation"
	"smsession/internal/session/record"
)

// processed is the result of respond, which commit has not saved yet. It never changes after it was made.
type processed struct {
	record  *record.Record // the record after the message
	reply   conversation.Reply
	result  Result
	failure error // the error of the outcome although the record is saved: the responder failed at STOP
}

// respond processes a message. r is the record before the message. A message that was counted before gets the recorded
// reply and leaves the record unchanged. If an earlier attempt has kept its result, and only this attempt may have
// changed the record since, respond returns this result. respond has no side effects, except those of the responder.
//
// A message that ends the conversation gets no reply, and the responder gets the message only if it calls an app. A
// silent message gets no reply, either. The same applies to a message whose conversation has had MaxReplies replies in
// the last minute. All of them are counted like other messages.
//
// An error of respond is errConflict or ErrWaited, or it wraps ErrResponder and its cause.
func (m *Manager) respond(
	ctx context.Context, r *record.Record, d *delivery, past *history, now time.Time,
) (processed, Calls, error) {
	if k := past.kept; k != nil && (bytes.Equal(k.from, r.Bytes()) || bytes.Equal(k.record.Bytes(), r.Bytes())) {
		return k.processed, Calls{}, nil
	}
	reply, isRepeat := r.Reply(d.SID, m.options.Responder.Recall)
	switch {
	case isRepeat:
		return processed{record: r, reply: reply, result: Repeated}, Calls{}, nil
	case past.kept != nil:
		return processed{}, Calls{}, errConflict
	case d.Ends && m.options.CallTimeout == 0:
		return m.ended(r, d.SID, conversation.Reply{}, now), Calls{}, nil
	}
	return m.ask(ctx, r, &d.Incoming, past.calls.Count+1, now)
}

// ask calls the responder, for the given time in this delivery, and applies its answer to the record.
func (m *Manager) ask(
	ctx context.Context, r *record.Record, in *Incoming, attempt int, now time.Time,
) (processed, Calls, error) {
	message := in.Message
	message.Attempt = attempt
	after, reply, calls, err := m.call(ctx, stateOf(r), message)
	later := now.Add(calls.Took)
	if in.Ends {
		p, err := m.stopped(r, in, err, later)
		return p, calls, err
	}
	if err != nil {
		return processed{}, calls, err
	}
	result := Continued
	if stateOf(r).Counter == 0 {
		result = Begun
	}
	if !r.IsUnderway() {
		r = r.Begin(now, m.options.Lifetime)
	}
	if in.IsSilent {
		reply = conversation.Reply{}
	}
	if !reply.IsEmpty() {
		var isAllowed bool
		if r, isAllowed = r.AllowReply(m.options.MaxReplies, later); !isAllowed {
			reply, result = conversation.Reply{}, Guarded
		}
	}
	if after.HasEnded {
		return m.ended(r, in.SID, reply, later), calls, nil
	}
	next := r.Answer(after, later, in.SID, reply, m.options.Responder.Recall)
	return processed{record: next, reply: reply, result: result}, calls, nil
}

// stateOf returns the state of a conversation. It is zero if the conversation has not begun. If the conversation has
// been ended, only Written is set.
func stateOf(r *record.Record) conversation.State {
	if !r.IsUnderway() {
		return conversation.State{Written: r.Written}
	}
	return conversation.State{Counter: r.Counter, Began: r.Began, Written: r.Written, Data: r.Data}
}

// call calls the responder. With Options.CallTimeout, it does not call it too late, gives it a ctx that leaves time for
// the commit, and measures the call.
func (m *Manager) call(
	ctx context.Context, before conversation.State, message conversation.Message,
) (after conversation.State, reply conversation.Reply, calls Calls, err error) {
	if m.options.CallTimeout == 0 {
		after, reply, err = m.options.Responder.Respond(ctx, before, message)
	} else {
		began := time.Now()
		if !began.Before(m.lastCall(ctx)) {
			return after, reply, Calls{Err: ErrWaited}, ErrWaited
		}
		// The end of the budget comes later, so it need not end this context: that would cost as much as the deadline.
		ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), callDeadline(ctx))
		defer cancel()
		after, reply, err = m.options.Responder.Respond(ctx, before, message)
		calls.Took = time.Since(began)
	}
	if err == nil {
		err = record.CheckData(after.Data)
	}
	calls.Count, calls.Err = 1, err
	switch {
	case err == nil:
	case errors.Is(err, ErrWaited):
		err = ErrWaited
	default:
		err = fmt.Errorf("%w: %w", ErrResponder, err)
	}
	return after, reply, calls, err
}

// stopped processes a message that ends the conversation, after the responder was called with the result err. If the
// call failed, the conversation ends all the same. Unless this delivery is the last one, the message is then not
// counted, so that the next delivery calls the app again.
func (m *Manager) stopped(r *record.Record, in *Incoming, err error, now time.Time) (processed, error) {
	switch {
	case err == nil || in.IsLast:
		return m.ended(r, in.SID, conversation.Reply{}, now), nil
	case r.IsUnderway():
		return processed{record: r.End(now), failure: err}, nil
	}
	return processed{}, err
}

// ended processes a message that ends the conversation.
func (m *Manager) ended(r *record.Record, sid string, reply conversation.Reply, now time.Time) processed {
	if r.Began.IsZero() {
		r = r.Begin(now, m.options.Lifetime)
	}
	next := r.End(now).Remember(sid, reply, m.options.Responder.Recall)
	return processed{record: next, reply: reply, result: Ended}
}
