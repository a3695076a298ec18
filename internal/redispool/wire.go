package redispool

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
)

// wire is the socket of a connection. redigo writes what is pipelined in pieces of 4 KB, and each write costs more than
// anything else that a message does here: a commit of 6 KB goes out in one.
type wire struct {
	net.Conn
	held bool // between the first Send and Flush
	out  []byte

	network *network
	peer    string        // the address that the connection leads to, "" while there is none
	opened  *atomic.Int64 // nil if nobody counts
	closed  sync.Once
}

// dial is what redigo dials with.
func (w *wire) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	c, err := w.network.dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	w.Conn, w.peer = c, c.RemoteAddr().String()
	w.count(1)
	return w, nil
}

// Close may be called more than once, as redigo does.
func (w *wire) Close() error {
	w.closed.Do(func() { w.count(-1) })
	return w.Conn.Close()
}

func (w *wire) count(n int64) {
	if w.opened != nil {
		w.opened.Add(n)
	}
}

func (w *wire) Write(b []byte) (int, error) {
	if !w.held {
		return w.Conn.Write(b)
	}
	w.out = append(w.out, b...)
	return len(b), nil
}

// release sends what was held back. The time-out of the write is the one that redigo has set.
func (w *wire) release() error {
	w.held = false
	if len(w.out) == 0 {
		return nil
	}
	_, err := w.Conn.Write(w.out)
	w.out = w.out[:0]
	return err
}
