package session

import (
	"context"
	"errors"
	"time"
)

// errConflict means that another request has changed the record or the pointer since the attempt read it.
var errConflict = errors.New("session was changed by another request")

// delivery is one request with a message. It never changes after it was made.
type delivery struct {
	Incoming
	cookie     string // the token in the request's cookie; "" if there is none
	pointerKey string // the key that leads to the conversation's session
}

// deliver makes attempts until the message is saved, the budget is spent, or the client hangs up before a command to
// save the message was sent. ErrNewer and ErrResponder end it as well. No other error ends it: after a lost reply, a
// reset connection, a failover or a conflict, the message was counted once or not at all, and the next attempt finds
// out which.
//
// ctx ends with the budget. hangUp is closed when the client hangs up.
func (m *Manager) deliver(ctx context.Context, hangUp <-chan struct{}, d *delivery) *Outcome {
	past := &history{hangUp: hangUp}
	for {
		p, s, err := m.attempt(ctx, d, past)
		past = past.after(err)
		if err != nil {
			if err = past.wait(ctx, err); err == nil {
				continue
			}
		}
		m.sweep(ctx, d, past, s.token, err)
		return &Outcome{
			Reply: p.reply, Result: p.result, Err: err, saved: s,
			Attempts: past.attempts, Conflicts: past.conflicts, FirstFailure: past.firstFailure,
		}
	}
}

// attempt makes one attempt. Everything that it makes is new. If it fails, only the traces of its commit are kept,
// which its error contains.
func (m *Manager) attempt(ctx context.Context, d *delivery, past *history) (processed, saved, error) {
	found, err := m.find(ctx, d, past)
	if err != nil {
		return processed{}, saved{}, err
	}
	p, err := m.respond(ctx, found.record, &d.Incoming, time.Now())
	if err != nil {
		return processed{}, saved{}, err
	}
	s, err := m.commit(ctx, d, past, found, p.record)
	if err != nil {
		return processed{}, saved{}, err
	}
	return p, s, nil
}

// history is what the attempts of one request have done so far. It never changes after it was made.
type history struct {
	attempts     int
	conflicts    int
	firstFailure time.Time
	cause        error // the last error of Redis, which explains more than the end of the budget

	// hangUp is closed when the client hangs up. It is nil after a command to save the message was sent, because a
	// commit must not be interrupted.
	hangUp <-chan struct{}

	traces // what the commits have left in Redis; a commit whose reply was lost may have saved a record
}

// after returns the history after one more attempt. err is the error of the attempt.
func (h *history) after(err error) *history {
	next := *h
	next.attempts++
	next.replaced, next.replacement = "", nil // they are used for one attempt
	if err == nil {
		return &next
	}
	if next.firstFailure.IsZero() {
		next.firstFailure = time.Now()
	}
	if errors.Is(err, errConflict) {
		next.conflicts++
	}
	if next.cause == nil || !errors.Is(err, context.DeadlineExceeded) {
		next.cause = err
	}
	if failed, isSent := errors.AsType[*commitError](err); isSent {
		next.hangUp, next.traces = nil, failed.traces
	}
	return &next
}

// wait waits until the next attempt. It returns the error of the delivery if there must be no other attempt. err is the
// error of the last attempt.
func (h *history) wait(ctx context.Context, err error) error {
	if errors.Is(err, ErrGone) || errors.Is(err, ErrNewer) || errors.Is(err, ErrResponder) {
		return err
	}
	err = pause(ctx, h.hangUp, h.attempts, err)
	if err != nil && !errors.Is(err, ErrGone) {
		return h.cause
	}
	return err
}
