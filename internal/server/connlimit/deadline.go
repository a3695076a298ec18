package connlimit

import (
	"errors"
	"os"
	"sync"
	"time"
)

// deadline is the read or the write deadline of a connection. net/http sets deadlines eight times for each message, and
// it is expensive to set those of the network. Therefore the network's deadline is only set to an earlier time. If it
// passes too early, extend sets it to the right time, and the caller tries again. It is safe for concurrent use.
type deadline struct {
	setNetwork func(time.Time) error

	mu      sync.Mutex
	wanted  time.Time // the deadline; zero for none
	network time.Time // that of the network; zero for none
}

// set sets the deadline.
func (d *deadline) set(t time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wanted = t
	if t.IsZero() || !d.network.IsZero() && !t.Before(d.network) {
		return nil
	}
	d.network = t
	return d.setNetwork(t)
}

// extend reports whether the operation that failed with err must be tried again.
func (d *deadline) extend(err error) bool {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.wanted.IsZero() && !time.Now().Before(d.wanted) {
		return false
	}
	d.network = d.wanted
	_ = d.setNetwork(d.wanted) // fails only on a closed connection, whose error is that of the next try
	return true
}
