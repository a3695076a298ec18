package fleet

import (
	"net"
	"sync"
)

// listener is a TCP listener on a free loopback port. It knows its open connections, so that cut can reset them. It is
// safe for concurrent use.
type listener struct {
	net.Listener

	mu    sync.Mutex
	isCut bool
	open  map[*conn]struct{}
}

func listen() (*listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &listener{Listener: l, open: map[*conn]struct{}{}}, nil
}

// conn is an open connection of a listener. It has all methods of a TCP connection.
type conn struct {
	*net.TCPConn
	from *listener
}

// Accept returns the next connection.
func (l *listener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &conn{TCPConn: accepted.(*net.TCPConn), from: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.isCut {
		c.reset()
		return nil, net.ErrClosed
	}
	l.open[c] = struct{}{}
	return c, nil
}

// Close closes the connection.
func (c *conn) Close() error {
	c.from.mu.Lock()
	delete(c.from.open, c)
	c.from.mu.Unlock()
	return c.TCPConn.Close()
}

// reset closes the connection at once, and drops what has not been sent. The other end gets an error, as if the process
// had been killed.
func (c *conn) reset() {
	_ = c.SetLinger(0)
	_ = c.TCPConn.Close()
}

// cut closes the listener and resets all its connections. When it returns, nothing more can be read or written.
func (l *listener) cut() {
	_ = l.Listener.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.isCut = true
	for c := range l.open {
		c.reset()
	}
	clear(l.open)
}
