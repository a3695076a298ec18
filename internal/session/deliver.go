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
	turn       *turn  // nil without Options.CallTimeout
}

// deliver makes attempts until the message is saved, the budget is spent, or the client hangs up before a command to
// save the message was sent. ErrNewer, ErrResponder and ErrWaited end it as well. No other error ends it: after a lost
// reply, a reset connection, a failover or a conflict, the message was counted once or not at all, and the next attempt
// finds out which.
//
// ctx ends with the budget. hangUp is closed when the client hangs up.
func (m *Manager) deliver(ctx context.Context, hangUp <-chan struct{}, d *delivery) *Outcome {
	past := history{hangUp: hangUp}
	for {
		t := m.attempt(ctx, d, &past)
		past = past.after(&t)
		err := t.err
		if err != nil {
			if err = past.wait(ctx, err); err == nil {
				continue
			}
		}
		m.sweep(ctx, d, past.traces, t.token, err)
		o := &Outcome{
			Reply: t.reply, Result: t.result, Err: err, saved: t.saved,
			Attempts: past.attempts, Conflicts: past.conflicts, FirstFailure: past.firstFailure,
		}
		if d.turn != nil {
			o.Calls, o.TurnWait = past.calls, past.turnWait
		}
		return o
	}
}

// tried is the result of one attempt. It never changes after it was made.
type tried struct {
	processed
	saved
	err error

	kept     *kept // for the next attempt, unless err is an errConflict
	calls    Calls
	turnWait time.Duration
}

// kept is the result of respond that an attempt could not save, although it made no conflict. If the next attempt finds
// the same record, or no record as before, it commits this result. It does the same if the record was saved after all.
// Otherwise, each short failure of Redis would call the app once more.
type kept struct {
	processed
	from []byte // the JSON form of the record before the message; nil if there was none
}

// attempt makes one attempt, with Options.CallTimeout in a turn of the conversation. Everything that it makes is new.
// If it fails, its error contains the traces of its commit. Everything else is thrown away, except for what tried
// contains.
func (m *Manager) attempt(ctx context.Context, d *delivery, past *history) tried {
	if d.turn == nil {
		return m.attemptNow(ctx, d, past)
	}
	began := time.Now()
	early, hasTurn, err := m.takeTurn(ctx, d, past)
	waited := time.Since(began)
	if err != nil {
		return tried{err: err, kept: past.kept, turnWait: waited}
	}
	if hasTurn {
		stop := m.keepTurn(d.turn)
		defer stop()
	}
	informed := *past
	informed.early = early
	t := m.attemptNow(ctx, d, &informed)
	t.turnWait = waited
	return t
}

// attemptNow makes the three steps of an attempt.
func (m *Manager) attemptNow(ctx context.Context, d *delivery, past *history) (t tried) {
	found, err := m.find(ctx, d, past)
	if err != nil {
		return tried{err: err, kept: past.kept}
	}
	if t.processed, t.calls, t.err = m.respond(ctx, found.record, d, past, time.Now()); t.err != nil {
		return t
	}
	t.saved, t.err = m.commit(ctx, d, past, found, t.record)
	switch {
	case t.err == nil:
		t.err = t.failure
	case d.turn != nil:
		t.kept = &kept{t.processed, found.record.Bytes()}
	}
	return t
}

// history is what the attempts of one request have done so far. An attempt does not change it.
type history struct {
	attempts     int
	conflicts    int
	firstFailure time.Time
	cause        error // the last error of Redis, which explains more than the end of the budget

	// hangUp is closed when the client hangs up. It is nil after a command to save the message was sent, because a
	// commit must not be interrupted. It is also nil if there is a kept answer.
	hangUp <-chan struct{}

	traces // what the commits have left in Redis; a commit whose reply was lost may have saved a record

	early    prefetched
	kept     *kept // nil if there is nothing to keep
	calls    Calls // Count is set in every history, the rest only with Options.CallTimeout
	turnWait time.Duration
}

// after returns the history after one more attempt.
func (h *history) after(t *tried) history {
	next := *h
	next.attempts++
	next.early, next.kept = prefetched{}, t.kept
	next.calls = h.calls.plus(t.calls)
	next.turnWait += t.turnWait
	if t.err == nil {
		return next
	}
	if next.firstFailure.IsZero() {
		next.firstFailure = time.Now()
	}
	if errors.Is(t.err, errConflict) {
		next.conflicts++
		next.kept = nil
	}
	if next.kept != nil {
		next.hangUp = nil
	}
	if next.cause == nil || !errors.Is(t.err, context.DeadlineExceeded) {
		next.cause = t.err
	}
	if failed, isSent := errors.AsType[*commitError](t.err); isSent {
		next.hangUp, next.traces, next.early = nil, failed.traces, failed.early
	}
	return next
}

// plus adds the calls of one more attempt.
func (c Calls) plus(later Calls) Calls {
	if later.Count == 0 && later.Err == nil {
		return c
	}
	return Calls{c.Count + later.Count, c.Took + later.Took, later.Err}
}

// wait waits until the next attempt. It returns the error of the delivery if there must be no other attempt. err is the
// error of the last attempt.
func (h *history) wait(ctx context.Context, err error) error {
	for _, last := range []error{ErrGone, ErrNewer, ErrResponder, ErrWaited} {
		if errors.Is(err, last) {
			return err
		}
	}
	err = pause(ctx, h.hangUp, h.attempts, err)
	if err != nil && !errors.Is(err, ErrGone) {
		return h.cause
	}
	return err
}
