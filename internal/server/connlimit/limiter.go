// Package connlimit limits the connections of an http.Server and the memory of their requests. Clients that cannot sign
// a request then cannot use up the server. The handler reports which requests are signed.
package connlimit

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxUnverified is the memory in bytes that all unverified requests together may take.
	maxUnverified = 32 << 20

	// usualRequest is more memory in bytes than one of Twilio's requests takes. Connections of larger requests are
	// closed first, because in a flood the oldest request can be a message that still waits for the processor.
	usualRequest = 16 << 10

	// slow is how long an unverified request may take while all connections are in use. The head and the body of a
	// message arrive in a few packets, and one of the packets may have to be sent again.
	slow = 2 * time.Second
)

// Limiter limits the connections of one listener. Each connection is in one of three states:
//   - idle: no byte of a request has arrived;
//   - unverified: a request has begun, and its signature is not verified yet or was refused;
//   - busy: the connection carries a request with a valid signature, which is being answered.
//
// At the limit, one connection is closed to make room for a new one. The first of these that exists is closed:
//
//   - the connection that has been idle longest and has never carried a signed request;
//   - the connection of the oldest unverified request, if that request is older than slow;
//   - the connection that has been idle longest.
//
// If none exists, the listener accepts no connection until one of them does. A connection whose request has arrived but
// has not been read does not count as idle, if the operating system can report unread bytes.
//
// While the unverified requests take more than maxUnverified bytes, the connection of the oldest large request is
// closed. If no request is large, the connection of the oldest request is closed.
//
// It is safe for concurrent use.
type Limiter struct {
	max       int
	keepAlive time.Duration
	held      atomic.Int64 // the memory in bytes that the unverified requests take

	mu         sync.Mutex
	changed    sync.Cond // a connection became idle or was closed, or the listener was closed
	shut       bool      // the listener is closed
	open       int
	strangers  queue // idle, have never carried a signed request
	trusted    queue // idle, have carried a signed request
	unverified queue
	large      queue // unverified, take more than usualRequest
	evicted    int   // idle connections that were closed at the limit
	cut        int   // unverified connections that were closed
}

// New returns a Limiter for at most limit connections, which may be idle for keepAlive.
func New(limit int, keepAlive time.Duration) *Limiter {
	l := &Limiter{max: limit, keepAlive: keepAlive}
	l.changed.L = &l.mu
	return l
}

// Stats are the numbers of a Limiter.
type Stats struct {
	Open, Max         int // connections
	UnverifiedBytes   int // the memory that the unverified requests take
	EvictedIdle       int // idle connections that were closed at the limit, since the start
	EvictedUnverified int // connections of unverified requests that were closed, since the start
}

// Stats returns the present numbers.
func (l *Limiter) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Stats{l.open, l.max, int(l.held.Load()), l.evicted, l.cut}
}

// add waits until there is room for a connection and adds it as an idle one. It reports false if the listener is closed.
func (l *Limiter) add(c *Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.open >= l.max && !l.shut {
		if !l.evictIdle(&l.strangers) && !l.evictSlow() && !l.evictIdle(&l.trusted) {
			l.wait()
		}
	}
	if !l.shut {
		l.open++
		c.becomeIdle()
	}
	return !l.shut
}

// The caller of each method below must hold the mutex.

// evictIdle closes the connection in a queue of idle connections that has been idle longest, and reports whether it
// closed one. If the request of a connection has arrived, the connection becomes unverified instead.
func (l *Limiter) evictIdle(idle *queue) bool {
	for c := idle.first(); c != nil; c = idle.first() {
		if !hasUnread(c.Conn) {
			l.evicted++
			c.close()
			return true
		}
		c.becomeUnverified()
	}
	return false
}

// evictSlow closes the connection of the oldest unverified request if that request is slow, and reports whether it is.
func (l *Limiter) evictSlow() bool {
	oldest := l.oldestUnverified()
	if oldest == nil || time.Since(oldest.since) < slow {
		return false
	}
	l.cut++
	oldest.close()
	return true
}

// oldestUnverified returns the connection of the oldest unverified request. It returns nil if there is none.
func (l *Limiter) oldestUnverified() *Conn {
	usual, large := l.unverified.first(), l.large.first()
	if usual == nil || large != nil && large.since.Before(usual.since) {
		return large
	}
	return usual
}

// wait waits for a change, or until the oldest unverified request becomes slow.
func (l *Limiter) wait() {
	if oldest := l.oldestUnverified(); oldest != nil {
		timer := time.AfterFunc(slow-time.Since(oldest.since), func() {
			l.mu.Lock() // changed.Wait unlocks the mutex, so the signal cannot be lost
			defer l.mu.Unlock()
			l.changed.Signal()
		})
		defer timer.Stop()
	}
	l.changed.Wait()
}

// limitMemory closes connections until the unverified requests take at most maxUnverified bytes.
func (l *Limiter) limitMemory() {
	for l.held.Load() > maxUnverified {
		oldest := l.large.first()
		if oldest == nil {
			oldest = l.unverified.first()
		}
		if oldest == nil {
			return // the last request was verified in the meantime
		}
		l.cut++
		oldest.close()
	}
}
