package server

import (
	"bytes"
	"container/list"
	"context"
	"net"
	"time"
)

const (
	// perLine is the memory in bytes that a header line takes beyond its text: a slot in a map, a slice and two
	// strings.
	perLine = 128

	// enoughToBegin is the number of bytes that net/http waits for, within the idle time-out, before it reads a further
	// request.
	enoughToBegin = 4
)

// conn is a connection of the public listener. The methods that a handler calls do nothing on a nil conn, because a
// test can send a request without a listener.
type conn struct {
	net.Conn
	all     *Connections
	first   [1]byte // the byte that arrived before the connection was handed over
	pending bool    // first has not been read; only the reading goroutine touches it
	ended   chan struct{}

	// Under the mutex of all:
	state   *list.List // the list that contains the connection; nil while it is busy
	place   *list.Element
	signed  bool      // the connection has carried a signed request
	inHead  bool      // the head of the request is still being read
	missing int       // while idle: the number of bytes that must still arrive before a request has begun
	since   time.Time // when the unverified request began
	held    int       // the memory in bytes that the unverified request takes
	closed  bool
}

type connKey struct{}

// connFrom returns the connection of a request. It returns nil if the request did not come over a conn.
func connFrom(ctx context.Context) *conn {
	c, _ := ctx.Value(connKey{}).(*conn)
	return c
}

// idle records that a request was answered and that the connection waits for the next one.
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

// Read reads from the connection. It records when a request begins and how much memory the head of the request takes.
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

// arrived records that the first byte has arrived. It reports false if the connection was closed in the meantime.
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

// headRead records that the head of the request has been read. If the client sent the request together with the one
// before it, the head was in net/http's buffer, and the connection still counts as idle when headRead is called.
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

// hold records that the buffer for the body of the request has grown by more bytes.
func (c *conn) hold(more int) {
	if c == nil {
		return
	}
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if c.state != nil { // the connection has not been closed
		c.setHeld(c.held + more)
	}
}

// checked records whether the request is signed or was refused. A refused request takes no memory any more, but
// net/http may still wait for the rest of its body, which can arrive slowly.
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

// done returns a channel that is closed when this process closes the connection. For a nil conn, it returns nil.
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

// CloseWrite closes the sending side of the connection. The client can then read an answer before it notices that the
// rest of its request is not read.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// The caller of each method below must hold the mutex of all.

func (c *conn) isIdle() bool { return c.state == c.all.strangers || c.state == c.all.trusted }

func (c *conn) begin() {
	c.enter(c.all.unverified)
	c.inHead, c.since = true, time.Now()
}

// enter moves the connection to the end of the list state.
func (c *conn) enter(state *list.List) {
	c.leave()
	c.state, c.place = state, state.PushBack(c)
}

// leave removes the connection from its list. The connection is then busy.
func (c *conn) leave() {
	if c.state != nil {
		c.state.Remove(c.place)
	}
	c.state, c.place = nil, nil
}

// setHeld sets the memory that the unverified request takes to n bytes. If all unverified requests together take more
// than maxUnverified, it closes the connections of the oldest ones. This connection can be one of them.
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

// release removes the connection from its list and no longer counts its memory.
func (c *conn) release() {
	c.leave()
	c.inHead = false
	c.setHeld(0)
}

// close closes the connection. It needs the mutex: a request that begins at the same time must either be recorded
// before or not begin at all.
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
