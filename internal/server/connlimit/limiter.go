// Package connlimit limits the connections of an http.Server and the memory of their requests. Clients that cannot sign
// a request then cannot use up the server. The handler reports which requests are signed.
package connlimit

import (
	"container/ring"
	"sync"
	"time"

	"smsession/internal/socket"
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

// state is the state of a connection. A connection enters a state at the end of the state's queue.
type state int

const (
	stranger   state = iota // idle, and has never carried a signed request
	trusted                 // idle, and has carried a signed request
	unverified              // carries an unverified request
	large                   // carries an unverified request that takes more than usualRequest
	busy                    // carries a request with a valid signature, which is being answered
	closed                  // has no queue
)

// Limiter limits the connections of one listener. A connection is idle until the first byte of a request arrives. The
// request is unverified until its signature is verified or, if the request is refused, until it is answered.
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
	max     int
	changed chan struct{} // contains a value if there may be room since the last wait

	mu      sync.Mutex
	shut    bool // the listener is closed
	open    int
	held    int               // the memory in bytes that the unverified requests take
	queues  [closed]ring.Ring // the heads of the queues; the value of each other element is its connection
	evicted int               // idle connections that were closed at the limit
	cut     int               // unverified connections that were closed
}

// New returns a Limiter for at most limit connections.
func New(limit int) *Limiter { return &Limiter{max: limit, changed: make(chan struct{}, 1)} }

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
	return Stats{l.open, l.max, l.held, l.evicted, l.cut}
}

// add waits until there is room for a connection and adds it as an idle one. It reports false if the listener is closed.
func (l *Limiter) add(c *Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.open >= l.max && !l.shut {
		oldest := l.oldestUnverified()
		switch {
		case l.evictIdle(stranger):
		case oldest != nil && time.Since(oldest.since) >= slow:
			l.cut++
			oldest.close()
		case l.evictIdle(trusted):
		default:
			l.wait(oldest)
		}
	}
	if !l.shut {
		l.open++
		c.element.Value = c
		c.enter(stranger)
	}
	return !l.shut
}

// wake ends a wait.
func (l *Limiter) wake() {
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// The caller of each method below must hold the mutex.

// first returns the connection that has been in a state longest. It returns nil if there is none.
func (l *Limiter) first(s state) *Conn {
	c, _ := l.queues[s].Next().Value.(*Conn)
	return c
}

// evictIdle closes the connection that has been in an idle state longest, and reports whether it closed one. If the
// request of a connection has arrived, the connection becomes unverified instead.
func (l *Limiter) evictIdle(s state) bool {
	for c := l.first(s); c != nil; c = l.first(s) {
		if socket.Peek(c.Conn) != socket.Unread {
			l.evicted++
			c.close()
			return true
		}
		c.begin()
	}
	return false
}

// oldestUnverified returns the connection of the oldest unverified request. It returns nil if there is none.
func (l *Limiter) oldestUnverified() *Conn {
	usual, large := l.first(unverified), l.first(large)
	if usual == nil || large != nil && large.since.Before(usual.since) {
		return large
	}
	return usual
}

// wait waits until a connection became idle or was closed, until the listener was closed, or until the oldest unverified
// request, which may be nil, is slow. It unlocks the mutex while it waits.
func (l *Limiter) wait(oldest *Conn) {
	timeout := slow // a request that begins during the wait is not slow before its end
	if oldest != nil {
		timeout -= time.Since(oldest.since)
	}
	l.mu.Unlock()
	defer l.mu.Lock()
	select {
	case <-l.changed:
	case <-time.After(timeout):
	}
}

// limitMemory closes connections until the unverified requests take at most maxUnverified bytes.
func (l *Limiter) limitMemory() {
	for l.held > maxUnverified {
		oldest := l.first(large)
		if oldest == nil {
			oldest = l.first(unverified)
		}
		l.cut++
		oldest.close()
	}
}
