// Package connlimit limits the connections of an http.Server and the memory of their requests. Clients that cannot sign
// a request then cannot use up the server. The handler reports which requests are signed.
package connlimit

import (
	"container/ring"
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"smsession/internal/socket"
)

const (
	// maxUnverified is the memory in bytes that all unverified requests together may take.
	maxUnverified = 32 << 20

	// slow is how long an unverified request may take while all connections are in use. The head and the body of a
	// message arrive in a few packets, and one of the packets may have to be sent again.
	slow = 2 * time.Second
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
// If none exists, the listener accepts no connection until there is one. A connection whose request has arrived but
// has not been read does not count as idle, if the operating system can report unread bytes.
//
// While the unverified requests take more than maxUnverified bytes, the connection of the oldest large request is
// closed. If no request is large, the connection of the oldest request is closed.
//
// It is safe for concurrent use.
type Limiter struct {
	mu      sync.Mutex
	stats   Stats
	queues  [closed]ring.Ring // the heads of the queues; the value of every other element is a connection
	changed sync.Cond         // a connection became idle or was closed, or the listener was closed
	isShut  bool              // the listener is closed

	isWatching bool // a timer will call watch
}

// Stats are the numbers of a Limiter.
type Stats struct {
	Open, Max         int // connections
	UnverifiedBytes   int // the memory that the unverified requests take
	EvictedIdle       int // idle connections that were closed at the limit, since the start
	EvictedUnverified int // connections of unverified requests that were closed, since the start
}

// New returns a Limiter for at most limit connections.
func New(limit int) *Limiter {
	l := &Limiter{stats: Stats{Max: limit}}
	l.changed.L = &l.mu
	return l
}

// Stats returns the present numbers.
func (l *Limiter) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stats
}

// Limit returns bound as a listener with limited connections, for srv to serve. It sets the hooks of srv for these
// connections: srv must have its IdleTimeout and its ReadTimeout already, and must not be serving.
func (l *Limiter) Limit(srv *http.Server, bound net.Listener) net.Listener {
	srv.ConnContext = func(ctx context.Context, accepted net.Conn) context.Context {
		c := accepted.(*Conn)
		ctx, cancel := context.WithCancel(context.WithValue(ctx, connKey{}, c))
		l.mu.Lock()
		defer l.mu.Unlock()
		if c.cancel = cancel; c.state == closed { // at the end of the listener
			cancel()
		}
		return ctx
	}
	srv.ConnState = func(c net.Conn, state http.ConnState) { c.(*Conn).changed(state) }
	return &listener{bound, l, srv}
}

type listener struct {
	net.Listener
	limiter *Limiter
	srv     *http.Server
}

// Accept waits for a connection, and then for room for it.
func (l *listener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := newConn(accepted, l.limiter, l.srv)
	if !l.limiter.add(c) {
		_ = accepted.Close()
		return nil, net.ErrClosed
	}
	return c, nil
}

// Close closes the listener and the idle connections that have never carried a signed request. Otherwise, the shutdown
// of srv would wait for a connection that has not sent anything yet.
func (l *listener) Close() error {
	err := l.Listener.Close()
	l.limiter.mu.Lock()
	defer l.limiter.mu.Unlock()
	l.limiter.isShut = true
	for c := l.limiter.first(idleUnsigned); c != nil; c = l.limiter.first(idleUnsigned) {
		c.end()
	}
	l.limiter.changed.Signal()
	return err
}

// add waits until there is room for a connection and adds it as an idle one. It reports false if the listener is
// closed.
func (l *Limiter) add(c *Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.stats.Open >= l.stats.Max && !l.isShut {
		l.makeRoom()
	}
	if !l.isShut {
		l.stats.Open++
		c.element.Value = c
		c.enter(idleUnsigned)
	}
	return !l.isShut
}

// The caller of each method below must hold the mutex.

// makeRoom closes a connection, or waits until there may be one to close.
func (l *Limiter) makeRoom() {
	oldest := l.first(unverified)
	if large := l.first(unverifiedLarge); oldest == nil || large != nil && large.since.Before(oldest.since) {
		oldest = large
	}
	timeout := slow // a request that begins during the wait is not slow before the wait ends
	if oldest != nil {
		timeout -= time.Since(oldest.since)
	}
	switch {
	case l.evictIdle(idleUnsigned):
	case timeout <= 0:
		l.stats.EvictedUnverified++
		oldest.end()
	case l.evictIdle(idleSigned):
	default:
		wake := time.AfterFunc(timeout, func() {
			l.mu.Lock() // until Wait has begun
			defer l.mu.Unlock()
			l.changed.Signal()
		})
		l.changed.Wait()
		wake.Stop()
	}
}

// evictIdle closes the connection that has been in an idle state longest, and reports whether it closed one. If the
// request of a connection has arrived, the connection becomes unverified instead.
func (l *Limiter) evictIdle(s state) bool {
	for c := l.first(s); c != nil; c = l.first(s) {
		if socket.Peek(c.Conn) != socket.Unread {
			l.stats.EvictedIdle++
			c.end()
			return true
		}
		c.begin()
	}
	return false
}

// limitMemory closes connections until the unverified requests take at most maxUnverified bytes.
func (l *Limiter) limitMemory() {
	for l.stats.UnverifiedBytes > maxUnverified {
		oldest := l.first(unverifiedLarge)
		if oldest == nil {
			oldest = l.first(unverified)
		}
		l.stats.EvictedUnverified++
		oldest.end()
	}
}

// first returns the connection that has been in a state longest. It returns nil if there is none.
func (l *Limiter) first(s state) *Conn {
	c, _ := l.queues[s].Next().Value.(*Conn)
	return c
}
