package connlimit

import (
	"bytes"
	"container/ring"
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

// perLine is the memory in bytes that a header line takes beyond its text: a slot in a map, a slice and two strings.
const perLine = 128

// Conn is a connection of a limited listener. The handler of a request gets it with FromContext. Its methods are safe
// for concurrent use, except that only net/http may call Read.
type Conn struct {
	net.Conn
	limiter *Limiter
	srv     *http.Server
	ended   chan struct{} // closed with the connection
	reads   deadline
	writes  deadline
	cancel  context.CancelFunc // of the context of the requests; nil before net/http has made it

	// Only net/http uses the following fields, in Read and in ConnState. It never does both at the same time.
	hasRead  bool // a byte has arrived
	hasBegun bool // Read has recorded the beginning of the present request
	hasHead  bool // the head of the present request has been read

	early []byte // what watch has read for the next Read; only watch uses it while it reads

	// The mutex of the limiter protects the following fields.
	state   state
	element ring.Ring // in the queue of the state
	since   time.Time // when the present request began
	bytes   int       // the memory that the unverified request takes
	idle    state     // the state between requests: idleUnsigned or idleSigned

	watched chan struct{} // closed at the end of watch; nil if the client is not watched
}

type connKey struct{}

func newConn(accepted net.Conn, l *Limiter, srv *http.Server) *Conn {
	return &Conn{
		Conn: accepted, limiter: l, srv: srv, ended: make(chan struct{}),
		reads: deadline{setNetwork: accepted.SetReadDeadline}, writes: deadline{setNetwork: accepted.SetWriteDeadline},
	}
}

// FromContext returns the connection of a request. If the request came from another listener, it returns a Conn without
// limits, whose Ended channel is never closed.
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
	c.verify()
}

// Ended returns a channel that is closed when this process closes the connection.
func (c *Conn) Ended() <-chan struct{} { return c.ended }

// Read reads from the connection. It records when a request begins and how much memory the head of the request takes.
// If the connection was closed to make room before the request was recorded, the error is net.ErrClosed.
//
// net/http starts the time-out of the first request when it accepts the connection. A load balancer opens connections
// before it has a request to send. Read therefore allows the keep-alive time for the first byte, and then starts the
// time-out again.
//
// While a request is being answered, net/http reads one byte, to notice that the client hangs up, and interrupts this
// read after the answer. Read then returns nothing at once. Instead, the limiter watches the connections of verified
// requests.
func (c *Conn) Read(b []byte) (n int, err error) {
	if c.hasHead && len(b) == 1 {
		return 0, nil
	}
	if !c.hasRead {
		_ = c.SetReadDeadline(time.Now().Add(c.srv.IdleTimeout)) // if this fails, the read fails too
	}
	if len(c.early) > 0 {
		n, c.early = copy(b, c.early), nil
	} else {
		n, err = c.read(b)
	}
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
	c.hasBegun = true
	c.begin()
	c.grow(n + perLine*bytes.Count(b[:n], []byte("\n")))
	return n, err
}

// read reads from the network until the deadline.
func (c *Conn) read(b []byte) (n int, err error) {
	for again := true; again; again = c.reads.extend(err) {
		n, err = c.Conn.Read(b)
	}
	return n, err
}

// Write writes to the connection.
func (c *Conn) Write(b []byte) (written int, err error) {
	for again := true; again; again = c.writes.extend(err) {
		var n int
		n, err = c.Conn.Write(b[written:])
		written += n
	}
	return written, err
}

// SetReadDeadline sets the time after which Read fails.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.reads.set(t) }

// SetWriteDeadline sets the time after which Write fails.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.writes.set(t) }

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error { return errors.Join(c.reads.set(t), c.writes.set(t)) }

// changed records that net/http has read the head of a request, or that the request was answered. If the client sent
// the request together with the one before it, net/http has read the head without a call of Read.
func (c *Conn) changed(to http.ConnState) {
	if to == http.StateActive {
		c.hasHead = true
		if c.hasBegun {
			return // without the cost of the mutex
		}
	}
	c.limiter.mu.Lock()
	defer c.limiter.mu.Unlock()
	switch to {
	case http.StateActive:
		c.begin()
	case http.StateIdle:
		c.hasBegun, c.hasHead = false, false
		c.unwatch()
		c.answer()
		if len(c.early) > 0 {
			c.begin()
		}
	}
}

// Close closes the connection. A second call does nothing.
func (c *Conn) Close() error {
	c.limiter.mu.Lock()
	defer c.limiter.mu.Unlock()
	return c.end()
}

// CloseWrite closes the sending side of the connection. The client can then read an answer before it notices that the
// rest of its request is not read.
func (c *Conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
