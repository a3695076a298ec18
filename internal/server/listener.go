package server

import (
	"io"
	"net"
	"sync"
	"time"
)

// listener accepts connections for an http.Server. It hands a connection over when the first byte of a request has
// arrived, because net/http's read time-outs begin when net/http gets the connection. Load balancers open connections
// before they have a request to send.
type listener struct {
	net.Listener
	all    *Connections
	ready  chan accepted
	closed chan struct{}
	once   sync.Once
}

type accepted struct {
	conn net.Conn
	err  error
}

// listen starts to accept connections. The caller must Close the listener.
func (s *Connections) listen(l net.Listener) *listener {
	wrapped := &listener{Listener: l, all: s, ready: make(chan accepted), closed: make(chan struct{})}
	go wrapped.run()
	return wrapped
}

// Accept returns the next connection on which a request has begun.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case a := <-l.ready:
		return a.conn, a.err
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close closes the listener and the connections that it has not handed over.
func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	err := l.Listener.Close()
	l.all.shut()
	return err
}

// run accepts connections until the listener is closed. It continues after an error: http.Server pauses after a
// temporary error, such as too many open files, and closes the listener after any other error.
func (l *listener) run() {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			if !l.hand(accepted{err: err}) {
				return
			}
			continue
		}
		added := l.all.add(c)
		if added == nil {
			c.Close()
			return
		}
		go l.wait(added)
	}
}

// wait waits for the first byte of a connection and then hands the connection over. If no byte arrives in time, it
// closes the connection.
func (l *listener) wait(c *conn) {
	_ = c.SetReadDeadline(time.Now().Add(l.all.keepAlive)) // if this fails, the read fails too
	if _, err := io.ReadFull(c.Conn, c.first[:]); err != nil || !c.arrived() || !l.hand(accepted{conn: c}) {
		c.Close()
	}
}

// hand passes a connection or an error to Accept. It reports false if the listener is closed.
func (l *listener) hand(a accepted) bool {
	select {
	case l.ready <- a:
		return true
	case <-l.closed:
		return false
	}
}
