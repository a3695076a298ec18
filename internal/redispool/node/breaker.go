package node

import (
	"sync"
	"time"
)

// retryPause is the shortest time between two attempts to connect to a server that hangs or that cannot be reached.
const retryPause = 250 * time.Millisecond

// breaker limits the attempts to connect to a server. After a failed attempt or a command that timed out, only one
// caller at a time tries to connect, with pauses. The other callers get the error at once and try again after a pause
// of their own. A server that hangs or has too many clients is therefore not flooded with connections. It is safe for
// concurrent use.
type breaker struct {
	mu     sync.Mutex
	err    error     // the error after which only one caller at a time tries; nil while the server works
	failed time.Time // when err was set
	trying bool
}

// enter returns nil if the caller may try to connect now, and otherwise the last error. Each call that returns nil must
// be paired with one call of leave.
func (b *breaker) enter() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		return nil
	}
	if b.trying || time.Since(b.failed) < retryPause {
		return b.err
	}
	b.trying = true
	return nil
}

// last returns the error of the last attempt, or nil if the server works.
func (b *breaker) last() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// leave records the result of an attempt. If the caller gave up, the attempt does not show whether the server works, so
// its error is ignored.
func (b *breaker) leave(err error, gaveUp bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trying = false
	if err == nil || !gaveUp {
		b.err, b.failed = err, time.Now()
	}
}

// trip records that a command timed out. The kernel accepts connections even for a server that hangs, so only one
// caller at a time connects now. The server may have been slow only once, so that caller need not pause.
func (b *breaker) trip(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err, b.failed = err, time.Time{}
	}
}
