package server

import (
	"bytes"
	"container/list"
	"context"
	"net"
	"time"
)

const (
	// perLine is what a header line costs beyond its bytes: a slot in a map, a slice and two strings.
	perLine = 128

	// enoughToBegin is how many bytes net/http waits for, within the idle time-out, before it reads a further request.
	enoughToBegin = 4
)

// conn is one of the Connections. What a handler calls does nothing on nil: a request without a listener, in a test.
type conn struct {
	net.Conn
	all     *Connections
	first   [1]byte // what arrived before the connection was handed over
	pending bool    // first has not been read; only the reading goroutine touches it
	ended   chan struct{}

	// Under the mutex of all:
	state   *list.List // that it is in; nil while busy
	place   *list.Element
	signed  bool      // it has carried a signed request
	inHead  bool      // the head of the request is still being read
	missing int       // bytes that are missing until a request has begun, while idle
	since   time.Time // when its unverified request began
	held    int       // bytes that its unverified request holds
	closed  bool
}

type connKey struct{}

// connFrom returns the connection of a request, nil if it is not one of the Connections.
func connFrom(ctx context.Context) *conn {
	c, _ := ctx.Value(connKey{}).(*conn)
	return c
}

// idle says that a request was answered, and that the connection waits for another.
func (c *conn) idle() {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if c.closed {
		return
	}
	c.release()
	c.missing = enoughToBegin
	state := c.all.strangers
	if c.signed {
		state = c.all.trusted
	}
	c.enter(state)
	c.all.changed.Signal()
}

// Read notes that a request begins, and how much its head holds.
func (c *conn) Read(b []byte) (int, error) {
	if c.pending && len(b) > 0 {
		c.pending = false
		return copy(b, c.first[:]), nil
	}
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.received(b[:n])
	}
	return n, err
}

// arrived says that the first byte is there. It reports false if the connection was closed meanwhile.
func (c *conn) arrived() bool {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if c.closed {
		return false
	}
	c.pending = true
	c.begin()
	return true
}

func (c *conn) received(b []byte) {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if c.isIdle() {
		if c.missing -= len(b); c.missing > 0 {
			return
		}
		c.begin()
	}
	if c.inHead {
		c.setHeld(c.held + len(b) + perLine*bytes.Count(b, []byte("\n")))
	}
}

// headRead says that the request's head has been read. It was in net/http's buffer if the request was sent together with
// the one before it; the connection then still counts as idle.
func (c *conn) headRead() {
	if c == nil {
		return
	}
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if c.isIdle() {
		c.begin()
	}
	c.inHead = false
}

// hold says that the request's body has grown by so many bytes.
func (c *conn) hold(more int) {
	if c == nil {
		return
	}
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if c.state != nil { // it has not been closed
		c.setHeld(c.held + more)
	}
}

// checked says that the request is signed, or was refused. A refused one holds nothing any more, but net/http may still
// wait for the rest of its body, which can be slow.
func (c *conn) checked(signed bool) {
	if c == nil {
		return
	}
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if !signed {
		c.inHead = false
		c.setHeld(0)
		return
	}
	c.release()
	c.signed = true
}

// done returns a channel that is closed when the connection is, by us. It never is for nil.
func (c *conn) done() <-chan struct{} {
	if c == nil {
		return nil
	}
	return c.ended
}

// Close closes the connection. It may be called more than once.
func (c *conn) Close() error {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	return c.close()
}

// CloseWrite lets a client read an answer before it notices that the rest of its request is not read.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// What follows needs the mutex of all.

func (c *conn) isIdle() bool { return c.state == c.all.strangers || c.state == c.all.trusted }

func (c *conn) begin() {
	c.enter(c.all.unverified)
	c.inHead, c.since = true, time.Now()
}

// enter moves the connection to the end of a list.
func (c *conn) enter(state *list.List) {
	c.leave()
	c.state, c.place = state, state.PushBack(c)
}

// leave makes the connection busy.
func (c *conn) leave() {
	if c.state != nil {
		c.state.Remove(c.place)
	}
	c.state, c.place = nil, nil
}

// setHeld closes the connections of the oldest requests if all together hold too much. This one can be among them.
func (c *conn) setHeld(n int) {
	c.all.held += n - c.held
	c.held = n
	if c.state == c.all.unverified && n > usual {
		c.enter(c.all.large)
	}
	for c.all.held > maxUnverified {
		oldest := c.all.large.Front()
		if oldest == nil {
			oldest = c.all.unverified.Front()
		}
		c.all.cut++
		oldest.Value.(*conn).close()
	}
}

// release says that the request is not unverified any more.
func (c *conn) release() {
	c.leave()
	c.inHead = false
	c.setHeld(0)
}

// close is under the mutex so that a request that begins is either noted before or cannot begin.
func (c *conn) close() error {
	if c.closed {
		return nil
	}
	c.release()
	c.closed = true
	close(c.ended)
	c.all.open--
	c.all.changed.Signal()
	return c.Conn.Close()
}
