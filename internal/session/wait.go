package session

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"sync"
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

// budget is the context of a message. It ends at a time. Most messages are answered without waiting for its end, so the
// timer starts only when somebody waits. It is safe for concurrent use.
type budget struct {
	ends time.Time

	mu     sync.Mutex
	waited context.Context // ends at the same time; nil until somebody waits for it, or until stop
	cancel context.CancelFunc
}

func (b *budget) Deadline() (time.Time, bool) { return b.ends, true }

func (b *budget) Done() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waited == nil {
		b.waited, b.cancel = context.WithDeadline(context.Background(), b.ends)
	}
	return b.waited.Done()
}

func (b *budget) Err() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.waited != nil:
		return b.waited.Err()
	case time.Now().Before(b.ends):
		return nil
	}
	return context.DeadlineExceeded
}

// Value lets the context package find its own context, if there is one, so that contexts below a budget need no
// goroutine of their own.
func (b *budget) Value(key any) any {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waited == nil {
		return nil
	}
	return b.waited.Value(key)
}

// stop ends the context and stops its timer.
func (b *budget) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cancel == nil {
		b.waited = canceled
		return
	}
	b.cancel()
}

// canceled is a context that was canceled.
var canceled = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

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
