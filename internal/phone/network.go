package phone

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"syscall"
	"time"
)

// idleLife is how long a connection is kept without use. It is shorter than any server's own limit that is known (2 s
// is gunicorn's), so that a connection is hardly ever used while its server gives it up.
const idleLife = time.Second

// Network holds connections, for any number of phones. It is safe for concurrent use. The zero Network is ready; it
// must not be copied. What Twilio does about keeping connections is not documented.
type Network struct {
	// TLS is what https connections are made with; nil is Go's own: the system's roots. It must not be changed once the
	// Network is in use. Whatever it says, HTTP/1.1 is spoken.
	TLS *tls.Config

	// Permit, if it is set, is asked before a connection is made to an IP address and port, whatever led there; what it
	// returns an error for is not connected to. It must be safe for concurrent use.
	Permit func(address string) error

	mu     sync.Mutex
	idle   map[server][]*conn // the one used last at the end
	timer  *time.Timer        // runs while connections are idle
	closed int                // how often Close was called

	buffers sync.Pool // of *buffers
}

// buffers are what one message needs, kept for the next one.
type buffers struct {
	form []byte // the message's parameters
	wire []byte // a request
	body []byte // an answer's body
}

func (n *Network) borrow() *buffers {
	if b, ok := n.buffers.Get().(*buffers); ok {
		return b
	}
	return new(buffers)
}

func (n *Network) giveBack(b *buffers) { n.buffers.Put(b) }

// Close closes the idle connections, and those in use once they are done with. Phones may go on using the Network.
func (n *Network) Close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed++
	n.drop(time.Now().Add(idleLife))
}

// get returns a connection that is ready for a request. It is an idle one if there is one that its server has not
// closed.
func (n *Network) get(ctx context.Context, to *site, end time.Time) (*conn, *failure) {
	for c := n.pop(to.at); c != nil; c = n.pop(to.at) {
		if c.begin(ctx, end, to.overrides.read); c.quiet() {
			return c, nil
		}
		c.Close()
	}
	c, failed := n.dial(ctx, to.at, to.overrides.connect, end)
	if failed == nil {
		c.begin(ctx, end, to.overrides.read)
	}
	return c, failed
}

// pop takes the connection that was used last, because it is the likeliest to be alive, and the others can age.
func (n *Network) pop(to server) *conn {
	n.mu.Lock()
	defer n.mu.Unlock()
	idle := n.idle[to]
	if len(idle) == 0 {
		return nil
	}
	last := len(idle) - 1
	c := idle[last]
	idle[last] = nil
	n.idle[to] = idle[:last]
	return c
}

// put keeps a connection for the next request.
func (n *Network) put(c *conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c.era != n.closed {
		c.Close()
		return
	}
	if n.idle == nil {
		n.idle = make(map[server][]*conn)
	}
	c.since, c.used = time.Now(), true
	n.idle[c.server] = append(n.idle[c.server], c)
	if n.timer == nil {
		n.timer = time.AfterFunc(idleLife, n.sweep)
	}
}

// sweep closes what has been idle for long enough, and looks again if anything is left.
func (n *Network) sweep() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.drop(time.Now())
}

// drop closes the connections that have been idle for idleLife at the given time.
func (n *Network) drop(now time.Time) {
	for server, idle := range n.idle {
		old := 0 // they stand in the order in which they were last used
		for old < len(idle) && now.Sub(idle[old].since) >= idleLife {
			idle[old].Close()
			old++
		}
		n.idle[server] = append(idle[:0], idle[old:]...)
		clear(idle[len(idle)-old:])
		if len(idle) == old {
			delete(n.idle, server)
		}
	}
	n.schedule()
}

func (n *Network) schedule() {
	if n.timer != nil {
		n.timer.Stop()
		n.timer = nil
	}
	if len(n.idle) > 0 {
		n.timer = time.AfterFunc(idleLife, n.sweep)
	}
}

// dial makes a connection. The limit is for TCP, and again for TLS; neither goes on past the end.
func (n *Network) dial(ctx context.Context, to server, limit time.Duration, end time.Time) (*conn, *failure) {
	n.mu.Lock()
	era := n.closed
	n.mu.Unlock()
	dialer := net.Dialer{Timeout: limit, Deadline: end}
	if n.Permit != nil {
		dialer.Control = func(_, address string, _ syscall.RawConn) error { return n.Permit(address) }
	}
	raw, err := dialer.DialContext(ctx, "tcp", to.dial)
	if err != nil {
		return nil, dialFailure(err)
	}
	c := &conn{Conn: raw, raw: raw, peek: newPeeker(raw), server: to, era: era}
	if to.secure {
		if err := c.handshake(ctx, n.TLS, limit, end); err != nil {
			raw.Close()
			return nil, handshakeFailure(err)
		}
	}
	c.reader.Reset(c)
	return c, nil
}
