package connlimit

import (
	"errors"
	"os"
	"sync"
	"time"
)

// patience is how long a pause may take. Most messages are answered sooner. The end of a connection may be noticed this
// late.
const patience = 50 * time.Millisecond

// deadline is the read or the write deadline of a connection. net/http sets deadlines eight times for each message, and
// it is expensive to set those of the network. Therefore the network's deadline is only set to an earlier time. If it
// passes too early, extend sets it to the right time, and the caller tries again. It is safe for concurrent use.
type deadline struct {
	setNetwork func(time.Time) error

	mu       sync.Mutex
	wanted   time.Time // the deadline; zero for none
	network  time.Time // that of the network; zero for none
	isPaused bool
	resumed  sync.Cond
	timer    *time.Timer // ends a pause
}

func newDeadline(setNetwork func(time.Time) error) *deadline {
	d := &deadline{setNetwork: setNetwork}
	d.resumed.L = &d.mu
	d.timer = time.AfterFunc(patience, d.resume)
	d.timer.Stop()
	return d
}

// set sets the deadline, and ends a pause.
func (d *deadline) set(t time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wanted = t
	if d.isPaused {
		d.isPaused = false
		d.resumed.Signal()
		return nil // pause uses the deadline
	}
	return d.shorten()
}

// extend reports whether the operation that failed with err must be tried again.
func (d *deadline) extend(err error) bool {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.hasPassed() {
		return false
	}
	d.network = d.wanted
	return d.setNetwork(d.wanted) == nil
}

// pause waits until the deadline is set, but not longer than patience. It then returns an error if the deadline has
// passed.
func (d *deadline) pause() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.isPaused = !d.hasPassed()
	d.timer.Reset(patience)
	for d.isPaused {
		d.resumed.Wait()
	}
	d.timer.Stop()
	if d.hasPassed() {
		return os.ErrDeadlineExceeded
	}
	return d.shorten()
}

// resume ends a pause. If the pause that it was meant for has ended, it may end the next one too early.
func (d *deadline) resume() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.isPaused = false
	d.resumed.Signal()
}

// The caller of each method below must hold the mutex.

func (d *deadline) hasPassed() bool { return !d.wanted.IsZero() && !time.Now().Before(d.wanted) }

// shorten sets the network's deadline if it is too late.
func (d *deadline) shorten() error {
	if d.wanted.IsZero() || !d.network.IsZero() && !d.wanted.Before(d.network) {
		return nil
	}
	d.network = d.wanted
	return d.setNetwork(d.wanted)
}
