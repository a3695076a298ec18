package session

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// The pause before an attempt grows from minPause to maxPause. A restart of Redis takes a second or two.
const (
	minPause = 5 * time.Millisecond
	maxPause = 250 * time.Millisecond
)

// pause waits before the next attempt, or before the turn is asked for again. It does not wait after the first
// conflicts, because the request that caused a conflict has already finished. Otherwise each pause is longer than the
// one before, up to a limit. attempts is the number of attempts so far, and err is the error of the last one. The
// errors of pause are those of wait.
func pause(ctx context.Context, hangUp <-chan struct{}, attempts int, err error) error {
	if errors.Is(err, errConflict) && attempts < 3 {
		return ctx.Err()
	}
	length := min(minPause<<min(attempts, 10), maxPause)
	length = length/2 + rand.N(length/2) // so that replicas that failed together do not try again together
	return sleep(ctx, hangUp, length)
}

// sleep waits for a time. The errors are those of wait.
func sleep(ctx context.Context, hangUp <-chan struct{}, length time.Duration) error {
	timer := time.NewTimer(length)
	defer timer.Stop()
	return wait(ctx, hangUp, timer.C)
}

// wait waits until event is ready. It returns ErrGone if the client hangs up before that, and the error of ctx if ctx
// ends before that. hangUp is closed when the client hangs up. It is nil if that must not end the wait.
func wait[T any](ctx context.Context, hangUp <-chan struct{}, event <-chan T) error {
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
	case <-hangUp:
		return cmp.Or(ctx.Err(), ErrGone)
	}
}

// budgetStep is how much earlier than its time a budget may end.
const budgetStep = 10 * time.Millisecond

// newBudgets returns a function that returns a context which ends at the given time, or up to budgetStep earlier.
// Messages whose budgets end in the same step share a context, because a timer for each message would take 4 % of the
// CPU time. Nothing cancels a context before its end. The function is safe for concurrent use.
func newBudgets() func(end time.Time) context.Context {
	var steps [64]atomic.Pointer[context.Context] // several, because messages with slow bodies come late
	return func(end time.Time) context.Context {
		step := &steps[end.UnixMilli()/budgetStep.Milliseconds()%int64(len(steps))]
		if shared := step.Load(); shared != nil {
			ends, _ := (*shared).Deadline()
			if early := end.Sub(ends); 0 <= early && early < budgetStep {
				return *shared
			}
		}
		ctx, cancel := context.WithDeadline(context.Background(), end)
		context.AfterFunc(ctx, cancel) // only because go vet wants a use of cancel
		step.Store(&ctx)
		return ctx
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
func (s slots) acquire(ctx context.Context, hangUp <-chan struct{}) error {
	return wait(ctx, hangUp, s)
}

func (s slots) release() { s <- struct{}{} }
