package connlimit

import (
	"bytes"
	"context"
	"net"
	"sync/atomic"
	"time"
)

// perLine is the memory in bytes that a header line takes beyond its text: a slot in a map, a slice and two strings.
const perLine = 128

// Conn is a connection of a limited listener. The methods that a handler calls do nothing on a nil Conn, so that the
// handler can also be used without a Limiter.
type Conn struct {
	net.Conn
	limiter     *Limiter
	readTimeout time.Duration
	hasRead     bool          // a byte has arrived; only the reading goroutine uses this field
	ended       chan struct{} // closed with the connection

	turn   atomic.Int64 // counts the changes of the state; see queue
	idle   atomic.Bool
	inHead atomic.Bool  // the head of the request is being read
	held   atomic.Int64 // the memory in bytes that the unverified request takes
	signed atomic.Bool  // the connection has carried a signed request

	// The mutex of the limiter protects the following fields.
	since  time.Time // when the unverified request began
	closed bool
}

type connKey struct{}

// FromContext returns the connection of a request. It returns nil if the request came from another listener.
func FromContext(ctx context.Context) *Conn {
	c, _ := ctx.Value(connKey{}).(*Conn)
	return c
}

// Grow records that the buffer for the body of the request has grown by n bytes.
func (c *Conn) Grow(n int) {
	if c == nil {
		return
	}
	held, all := c.held.Add(int64(n)), c.limiter.held.Add(int64(n))
	becomesLarge := held > usualRequest && held-int64(n) <= usualRequest
	if all <= maxUnverified && !becomesLarge {
		return
	}
	c.limiter.mu.Lock()
	defer c.limiter.mu.Unlock()
	if becomesLarge && !c.closed {
		c.enter(&c.limiter.large)
	}
	c.limiter.limitMemory()
}

// Checked records whether the request is signed or was refused. From then on, the request does not count as memory. A
// refused request stays unverified until it is answered, because net/http may wait for the rest of its body.
func (c *Conn) Checked(signed bool) {
	if c == nil {
		return
	}
	c.release()
	if signed {
		c.signed.Store(true)
		c.turn.Add(1)
	}
}

// Ended returns a channel that is closed when this process closes the connection. For a nil Conn, it returns nil.
func (c *Conn) Ended() <-chan struct{} {
	if c == nil {
		return nil
	}
	return c.ended
}

// Read reads from the connection. It records when a request begins and how much memory the head of the request takes.
//
// net/http starts the time-out of the first request when it accepts the connection. A load balancer opens connections
// before it has a request to send. Read therefore allows the keep-alive time for the first byte, and then starts the
// time-out again.
func (c *Conn) Read(b []byte) (int, error) {
	if !c.hasRead {
		_ = c.SetReadDeadline(time.Now().Add(c.limiter.keepAlive)) // if this fails, the read fails too
	}
	n, err := c.Conn.Read(b)
	if n > 0 && !c.hasRead {
		c.hasRead = true
		_ = c.SetReadDeadline(time.Now().Add(c.readTimeout))
	}
	if n > 0 && c.idle.Load() && !c.begin() {
		return 0, net.ErrClosed
	}
	if c.inHead.Load() {
		c.Grow(n + perLine*bytes.Count(b[:n], []byte("\n")))
	}
	return n, err
}

// headRead records that the head of the request has been read. If the client sent the request together with the one
// before it, the head was in net/http's buffer, and the connection still counts as idle when headRead is called.
func (c *Conn) headRead() {
	if c.idle.Load() {
		c.begin()
	}
	c.inHead.Store(false)
}

// begin records that a request has begun. It reports false if the connection has been closed. A request that begins
// while evictIdle looks for a connection is either recorded first, or it fails.
func (c *Conn) begin() bool {
	c.limiter.mu.Lock()
	defer c.limiter.mu.Unlock()
	if !c.closed && c.idle.Load() {
		c.becomeUnverified()
	}
	return !c.closed
}

// answered records that the request was answered and that the connection waits for the next one.
func (c *Conn) answered() {
	c.limiter.mu.Lock()
	defer c.limiter.mu.Unlock()
	c.release()
	if !c.closed {
		c.becomeIdle()
		c.limiter.changed.Signal()
	}
}

// release no longer counts the memory that the request takes.
func (c *Conn) release() { c.limiter.held.Add(-c.held.Swap(0)) }

// Close closes the connection. It may be called more than once.
func (c *Conn) Close() error {
	c.limiter.mu.Lock()
	defer c.limiter.mu.Unlock()
	return c.close()
}

// CloseWrite closes the sending side of the connection. The client can then read an answer before it notices that the
// rest of its request is not read.
func (c *Conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// The caller of each method below must hold the mutex of the limiter.

func (c *Conn) enter(state *queue) { state.add(c, 2*c.limiter.open+16) }

func (c *Conn) becomeIdle() {
	c.idle.Store(true)
	if c.signed.Load() {
		c.enter(&c.limiter.trusted)
	} else {
		c.enter(&c.limiter.strangers)
	}
}

func (c *Conn) becomeUnverified() {
	c.since = time.Now()
	c.inHead.Store(true)
	c.idle.Store(false)
	c.enter(&c.limiter.unverified)
}

func (c *Conn) close() error {
	c.release()
	if c.closed {
		return nil
	}
	c.closed = true
	c.turn.Add(1)
	close(c.ended)
	c.limiter.open--
	c.limiter.changed.Signal()
	return c.Conn.Close()
}
