package connlimit

import "time"

// usualRequest is more memory in bytes than one of Twilio's requests takes. Connections of larger requests are closed
// first, because in a flood the oldest request can be a message that still waits for the processor.
const usualRequest = 16 << 10

// state is the state of a connection. Each state but closed has a queue, which a connection enters at the end.
//
//	idleUnsigned, idleSigned ── begin ──▶ unverified ── grow ──▶ unverifiedLarge
//	            ▲                             │                       │
//	            └───── answer ──── verified ◀─┴─────── verify ────────┘
//
// A request that is refused goes from unverified to idle with answer. Each state can end in closed.
type state int

const (
	idleUnsigned    state = iota // between requests; the connection has never carried a signed request
	idleSigned                   // between requests; the connection has carried a signed request
	unverified                   // carries an unverified request
	unverifiedLarge              // carries an unverified request that takes more than usualRequest
	verified                     // carries a request with a valid signature, which is being answered
	closed
)

// Each method in this file changes the state of a connection. The caller must hold the mutex of the limiter.

// enter moves the connection to the end of the queue of a state. The memory that its request took no longer counts.
func (c *Conn) enter(s state) {
	c.element.Prev().Unlink(1)
	c.limiter.stats.UnverifiedBytes -= c.bytes
	c.state, c.bytes = s, 0
	if s != closed {
		c.limiter.queues[s].Prev().Link(&c.element)
	}
}

// begin records that a request has begun, if the connection was idle.
func (c *Conn) begin() {
	if c.state == c.idle {
		c.since = time.Now()
		c.enter(unverified)
	}
}

// grow records that the request takes n bytes more, if it is unverified. This may close the connection, or another one.
func (c *Conn) grow(n int) {
	if c.state != unverified && c.state != unverifiedLarge {
		return
	}
	total := c.bytes + n
	if c.state == unverified && total > usualRequest {
		c.enter(unverifiedLarge)
	}
	c.limiter.stats.UnverifiedBytes += total - c.bytes
	c.bytes = total
	c.limiter.limitMemory()
}

// verify records that the request has a valid signature.
func (c *Conn) verify() {
	if c.state != closed {
		c.idle = idleSigned
		c.enter(verified)
		if c.Conn != nil { // nil if the request came from another listener
			c.limiter.watchLater()
		}
	}
}

// answer records that the request has been answered.
func (c *Conn) answer() {
	if c.state != closed {
		c.enter(c.idle)
		c.limiter.changed.Signal()
	}
}

// end closes the connection. A second call does nothing.
func (c *Conn) end() error {
	if c.state == closed {
		return nil
	}
	c.enter(closed)
	close(c.ended)
	if c.cancel != nil {
		c.cancel()
	}
	c.limiter.stats.Open--
	c.limiter.changed.Signal()
	return c.Conn.Close()
}
