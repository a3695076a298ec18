package session

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

const (
	// The pause before an attempt grows from minPause to maxPause. A restart of Redis takes a second or two.
	minPause = 5 * time.Millisecond
	maxPause = 250 * time.Millisecond

	// sweepTime is how long the sweep after a failed delivery may take.
	sweepTime = time.Second
)

// errConflict means that another request has changed the record or the pointer since the attempt read it.
var errConflict = errors.New("session was changed by another request")

// delivery is one request with a message. It never changes.
type delivery struct {
	Incoming
	cookie     string // the token in the request's cookie; "" if there is none
	pointerKey string // the key that leads to the conversation's session
}

// deliver makes attempts until the message is saved, the budget is spent, or the client hangs up in time. A record of a
// later version and a failed responder end it as well. No other error ends it: after a lost reply, a reset connection, a
// failover or a conflict, the message was counted once or not at all, and the next attempt finds out which.
//
// ctx ends with the budget. client ends when the client hangs up.
func (m *Manager) deliver(ctx, client context.Context, d delivery) Outcome {
	var past history
	for {
		o, err := m.attempt(ctx, client, d, past)
		past = past.after(err)
		if err == nil {
			if past.mayHaveCreated && past.ownToken != o.token {
				m.sweep(ctx, past.ownToken, d.SID)
			}
			return past.addTo(o)
		}
		if past.hasSent {
			client = ctx // a commit must not be interrupted
		}
		if err := past.end(ctx, client, err); err != nil {
			m.sweepLater(past, d.SID)
			return past.addTo(Outcome{Err: err})
		}
	}
}

// attempt makes one attempt. Everything that it makes is new, so a failed attempt needs no clean-up here.
func (m *Manager) attempt(ctx, client context.Context, d delivery, past history) (Outcome, error) {
	found, err := m.find(ctx, client, d, past)
	if err != nil {
		return Outcome{}, err
	}
	next, o, err := m.turn(ctx, found, d.Incoming, time.Now())
	if err != nil {
		return Outcome{}, err
	}
	o.token, o.expiry, err = m.commit(ctx, client, d, past, found, next)
	return o, err
}

// history is what the attempts of one request have done so far. Its methods return a new history.
type history struct {
	attempts     int
	conflicts    int
	firstFailure time.Time
	cause        error // the last error of Redis, which explains more than the end of the budget

	hasSent        bool   // a command to save the message was sent
	ownToken       string // the token that the request made; "" if it has made none
	mayHaveCreated bool   // there may be a record under ownToken
	mayPoint       bool   // the pointer may contain ownToken now or later

	current current // the record that refused the last attempt; it is used for one attempt
}

// current is a record that a refused commit returned.
type current struct {
	token string
	value []byte
}

// after returns the history after one more attempt. err is its error.
func (h history) after(err error) history {
	h.attempts++
	h.current = current{}
	if err == nil {
		return h
	}
	if h.firstFailure.IsZero() {
		h.firstFailure = time.Now()
	}
	if errors.Is(err, errConflict) {
		h.conflicts++
	}
	if h.cause == nil || !errors.Is(err, context.DeadlineExceeded) {
		h.cause = err
	}
	if failed := (*commitError)(nil); errors.As(err, &failed) {
		h.hasSent, h.current = true, failed.current
		if failed.mayHaveCreated {
			h.ownToken, h.mayHaveCreated = failed.token, true
		}
		h.mayPoint = h.mayPoint || failed.mayPoint
	}
	return h
}

// end waits until the next attempt. It returns the error of the delivery if there must be no other attempt.
func (h history) end(ctx, client context.Context, err error) error {
	if errors.Is(err, ErrGone) || errors.Is(err, ErrNewer) || errors.Is(err, ErrResponder) {
		return err
	}
	switch waited := pause(ctx, client, h.attempts, err); {
	case waited == nil:
		return nil
	case errors.Is(waited, ErrGone):
		return waited
	default:
		return h.cause
	}
}

func (h history) addTo(o Outcome) Outcome {
	o.Attempts, o.Conflicts, o.FirstFailure = h.attempts, h.conflicts, h.firstFailure
	return o
}

// sweep deletes the record that a request made under its own token. It tries twice. If it cannot delete the record, the
// record expires, and no pointer leads to it.
func (m *Manager) sweep(ctx context.Context, token, sid string) {
	for range 2 {
		if err := m.slots.acquire(ctx, ctx); err != nil {
			return
		}
		err := m.store.sweep(ctx, token, sid)
		m.slots.release()
		if err == nil {
			return
		}
	}
}

// sweepLater sweeps after a delivery that failed, without delaying the answer. It keeps the record if the pointer may
// lead to it.
func (m *Manager) sweepLater(past history, sid string) {
	if !past.mayHaveCreated || past.mayPoint {
		return
	}
	m.sweeps.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), sweepTime)
		defer cancel()
		m.sweep(ctx, past.ownToken, sid)
	})
}

// pause waits before the next attempt. It does not wait after the first conflicts, because the request that caused a
// conflict has already finished. Otherwise each pause is longer than the one before, up to a limit. The errors are those
// of wait.
func pause(ctx, client context.Context, attempts int, err error) error {
	if errors.Is(err, errConflict) && attempts < 3 {
		return ctx.Err()
	}
	length := min(minPause<<min(attempts, 10), maxPause)
	length = length/2 + rand.N(length/2) // so that replicas that failed together do not try again together
	timer := time.NewTimer(length)
	defer timer.Stop()
	return wait(ctx, client, timer.C)
}

// wait waits until event is ready. It returns ErrGone if the client hangs up before that, and the error of ctx if ctx
// ends before that.
func wait[T any](ctx, client context.Context, event <-chan T) error {
	select {
	case <-event:
		return nil
	default: // select would choose at random if the client has hung up, too
	}
	select {
	case <-event:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-client.Done():
		return cmp.Or(ctx.Err(), ErrGone)
	}
}

// slots limits how many connections messages use at the same time. It contains a value for each free slot.
type slots chan struct{}

func newSlots(n int) slots {
	s := make(slots, n)
	for range n {
		s.release()
	}
	return s
}

// acquire waits for a slot. The errors are those of wait.
func (s slots) acquire(ctx, client context.Context) error { return wait(ctx, client, s) }

func (s slots) release() { s <- struct{}{} }
