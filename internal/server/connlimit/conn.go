package connlimit

import (
	"bytes"
	"container/ring"
	"context"
	"net"
	"net/http"
	"time"
)

// perLine is the memory in bytes that a header line takes beyond its text: a slot in a map, a slice and two strings.
const perLine = 128

// Conn is a connection of a limited listener.
type Conn struct {
	net.Conn
	limiter *Limiter
	srv     *http.Server
	ended   chan struct{} // closed with the connection

	// Only net/http uses the following fields, in Read and in ConnState. It never does both at the same time.
	hasRead bool // a byte has arrived
	hasHead bool // the head of the present request has been read

	// The mutex of the limiter protects the following fields.
	state   state
	element ring.Ring // in the queue of the state
	since   time.Time // when the unverified request began
	held    int       // the memory in bytes that the unverified request takes
	idle    state     // the state between requests: trusted once the connection has carried a signed request
}

type connKey struct{}

// FromContext returns the connection of a request. If the request came from another listener, it returns a Conn without
// limits, which never ends.
func FromContext(ctx context.Context) *Conn {
	if c, ok := ctx.Value(connKey{}).(*Conn); ok {
		return c
	}
	return &Conn{limiter: New(0)}
}

// Grow records that the buffer for the body of the request has grown by n bytes.
func (c *Conn) Grow(n int) {
	c.limiter.mu.Lock()
	defer c.limiter.mu.Unlock()
	c.grow(n)
}

// Signed records that the request has a valid signature. From then on, the request does not count as memory. A request
// that is refused stays unverified until it is answered, because net/http may wait for the rest of its body.
func (c *Conn) Signed() {
	c.limiter.mu.Lock()
	defer c.limiter.mu.Unlock()
	if c.state != closed {
		c.idle = trusted
		c.enter(busy)
	}
}

// Ended returns a channel that is closed when this process closes the connection.
func (c *Conn) Ended() <-chan struct{} { return c.ended }

// Read reads from the connection. It records when a request begins and how much memory the head of the request takes.
// If the connection was closed to make room before the request was recorded, the request fails.
//
// net/http starts the time-out of the first request when it accepts the connection. A load balancer opens connections
// before it has a request to send. Read therefore allows the keep-alive time for the first byte, and then starts the
// time-out again.
func (c *Conn) Read(b []byte) (int, error) {
	if !c.hasRead {
		_ = c.SetReadDeadline(time.Now().Add(c.srv.IdleTimeout)) // if this fails, the read fails too
	}
	n, err := c.Conn.Read(b)
	if n == 0 || c.hasHead {
		return n, err
	}
	if !c.hasRead {
		c.hasRead = true
		_ = c.SetReadDeadline(time.Now().Add(c.srv.ReadTimeout))
	}
	c.limiter.mu.Lock()
	defer c.limiter.mu.Unlock()
	if c.state == closed {
		return 0, net.ErrClosed
	}
	c.begin()
	c.grow(n + perLine*bytes.Count(b[:n], []byte("\n")))
	return n, err
}

// changed records that net/http has read the head of a request, or that the request was answered. If the client sent the
// request together with the one before it, net/http has read the head without a call of Read.
func (c *Conn) changed(to http.ConnState) {
	c.limiter.mu.Lock()
	defer c.limiter.mu.Unlock()
	switch {
	case c.state == closed:
	case to == http.StateActive:
		c.hasHead = true
		c.begin()
	case to == http.StateIdle:
		c.hasHead = false
		c.enter(c.idle)
		c.limiter.wake()
	}
}

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

// enter moves the connection to the end of the queue of a state.
func (c *Conn) enter(s state) {
	c.leave()
	c.state = s
	c.limiter.queues[s].Prev().Link(&c.element)
}

// leave takes the connection out of its queue. The memory that its request takes no longer counts.
func (c *Conn) leave() {
	c.element.Prev().Unlink(1)
	c.limiter.held -= c.held
	c.held = 0
}

// begin records that a request has begun, if the connection was idle.
func (c *Conn) begin() {
	if c.state == c.idle {
		c.since = time.Now()
		c.enter(unverified)
	}
}

// grow records that the request takes n bytes more, if it is unverified.
func (c *Conn) grow(n int) {
	if c.state != unverified && c.state != large {
		return
	}
	held := c.held + n
	if c.state == unverified && held > usualRequest {
		c.enter(large)
	}
	c.limiter.held += held - c.held
	c.held = held
	c.limiter.limitMemory()
}

func (c *Conn) close() error {
	if c.state == closed {
		return nil
	}
	c.leave()
	c.state = closed
	close(c.ended)
	c.limiter.open--
	c.limiter.wake()
	return c.Conn.Close()
}
