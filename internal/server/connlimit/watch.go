package connlimit

import (
	"errors"
	"os"
	"time"
)

// patience is how long an answer may take before its client is watched. Most answers take less. It may take
// twice this time until a hang-up is noticed.
const patience = 50 * time.Millisecond

// watchLater makes the limiter watch the clients of verified requests that are not answered soon: it notices that a
// client hangs up, and then cancels the context of the connection. net/http does so with a read in a goroutine for each
// request, which its answer must interrupt. The caller must hold the mutex of the limiter.
func (l *Limiter) watchLater() {
	if !l.isWatching {
		l.isWatching = true
		time.AfterFunc(patience, l.watch)
	}
}

// watch begins to read from each connection whose verified request is older than patience. It comes back as long as
// there are verified requests.
func (l *Limiter) watch() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.isWatching = false
	head := &l.queues[verified]
	for e := head.Next(); e != head; e = e.Next() {
		l.watchLater()
		c := e.Value.(*Conn)
		if time.Since(c.since) < patience {
			return // the others were verified later
		}
		if c.watched == nil && len(c.early) == 0 {
			c.watched = make(chan struct{})
			go c.watch()
		}
	}
}

// watch reads until the client hangs up or sends something, or until unwatch.
func (c *Conn) watch() {
	var b [1]byte
	n, err := c.read(b[:])
	c.early = b[:n]
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) { // a deadline is how the end of an answer ends the read
		c.cancel()
	}
	close(c.watched)
}

// unwatch ends the read of watch, with the read deadline, which net/http sets again. The caller must hold the mutex of
// the limiter.
func (c *Conn) unwatch() {
	if c.watched == nil {
		return
	}
	_ = c.reads.set(time.Unix(0, 0))
	c.limiter.mu.Unlock()
	<-c.watched
	c.limiter.mu.Lock()
	c.watched = nil
}
