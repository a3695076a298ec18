package redispool

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomodule/redigo/redis"
)

var (
	errOld     = errors.New("connection has reached its maximum age")
	errLost    = errors.New("connection is older than the last one that was lost")
	errDemoted = errors.New("connection leads to a server that cannot take writes now")
	errUnknown = errors.New("a script was answered with an unknown error on this connection")
)

// losses records when a connection to one server was last lost. Connections that were idle then are probably lost, too:
// a restart or a failover closes all of them. It is safe for concurrent use.
type losses struct {
	last   atomic.Pointer[time.Time] // with its monotonic part: the wall clock may jump
	notify func(error)               // called with the error of each loss; may be nil
}

func (l *losses) note(err error) {
	now := time.Now()
	l.last.Store(&now)
	if l.notify != nil {
		l.notify(err)
	}
}

// since returns an error for a connection that was last used before the last loss.
func (l *losses) since(lastUsed time.Time) error {
	if last := l.last.Load(); last != nil && !lastUsed.After(*last) {
		return errLost
	}
	return nil
}

// conn watches the errors of one connection. A server that was demoted, or that is loading, answers with errors on a
// connection that is in perfect health; such a connection must not go back to the pool. The same applies when a script
// was answered with an error that we do not know: it may be a demotion in other words.
type conn struct {
	redis.Conn
	wire     *wire
	addr     string    // the address of the node that was dialled
	lost     *losses   // shared by all connections to the same server
	expires  time.Time // the pool does not hand it out after this time
	err      error
	scripted bool // a script was sent since the connection was borrowed

	judge func(error) // called with each error
}

// reusable returns an error for a pooled connection that must not be used again.
func reusable(pooled redis.Conn, lastUsed time.Time) error {
	c := connOf(pooled)
	if time.Now().After(c.expires) {
		return errOld
	}
	return c.lost.since(lastUsed)
}

// connOf returns the conn inside a connection that a node has dialled.
func connOf(c redis.Conn) *conn {
	switch c := c.(type) {
	case *replicated:
		return c.conn
	case *member:
		return connOf(c.Conn)
	default:
		return c.(*conn)
	}
}

// Err returns why the connection must not be used again. The pool calls it when it gets the connection back.
func (c *conn) Err() error {
	if c.err != nil {
		return c.err
	}
	return c.Conn.Err()
}

func (c *conn) Do(command string, args ...any) (any, error) {
	if err := c.release(); err != nil {
		return nil, err
	}
	c.scripted = command != "" && (c.scripted || isScript(command)) // the pool sends "" when it gets the connection back
	reply, err := c.Conn.Do(command, args...)
	return reply, c.watch(err)
}

// Send keeps the command until Flush, whatever its size.
func (c *conn) Send(command string, args ...any) error {
	c.wire.held = true
	c.scripted = c.scripted || isScript(command)
	return c.watch(c.Conn.Send(command, args...))
}

func (c *conn) Flush() error {
	if err := c.watch(c.Conn.Flush()); err != nil {
		return err
	}
	return c.release()
}

// release sends what was kept for Flush. redigo does not notice an error of this write, so release records the error
// and closes the connection. Otherwise the pool would wait for the answers when it gets the connection back.
func (c *conn) release() error {
	err := c.wire.release()
	if err != nil {
		c.err = err
		c.lost.note(err)
		_ = c.Conn.Close()
	}
	return err
}

func (c *conn) Receive() (any, error) {
	reply, err := c.Conn.Receive()
	return reply, c.watch(err)
}

func (c *conn) watch(err error) error {
	if err == nil {
		return nil
	}
	c.judge(err)
	var reply redis.Error
	switch {
	case !errors.As(err, &reply):
		if c.Conn.Err() != nil {
			c.lost.note(err)
		}
	case demoted(reply):
		c.err = errDemoted
		c.lost.note(err)
	case c.scripted && !harmless(reply):
		c.err = errUnknown
	}
	return unquoted(err)
}

func isScript(command string) bool {
	return strings.EqualFold(command, "EVALSHA") || strings.EqualFold(command, "EVAL")
}

// unquoted returns a server's error without the arguments that the server quotes if it does not know a command, for
// example because the command was renamed. The arguments can contain phone numbers, tokens and the password of AUTH.
func unquoted(err error) error {
	var reply redis.Error
	if !errors.As(err, &reply) {
		return err
	}
	text, _, quoted := strings.Cut(string(reply), ", with args beginning with")
	if !quoted {
		return err
	}
	return redis.Error(text)
}

// code returns the code of an error reply, such as READONLY. When a command inside a script fails, Redis before 7.0 and
// Dragonfly put the command's error behind their own: "ERR Error running script (call to f_…): @user_script:1:
// @user_script: 1: -READONLY You can't write against a read only replica." The code is then the command's.
func code(e redis.Error) string {
	outer, rest, _ := strings.Cut(string(e), " ")
	if _, inner, found := strings.Cut(rest, ": -"); found && outer == "ERR" {
		outer, _, _ = strings.Cut(inner, " ")
	}
	return outer
}

// demoted reports whether another server, or this server at a later time, would accept the command. The codes of
// harmless are not among these: a server that is short of disk, memory or time still has the sessions.
// See https://redis.io/docs/latest/develop/reference/errors/.
func demoted(e redis.Error) bool {
	switch code(e) {
	case "READONLY", "LOADING", "MASTERDOWN", "CLUSTERDOWN",
		"NOREPLICAS", // a primary that is cut off from the other servers and does not know that they have a new primary
		"UNBLOCKED":  // the server became a replica during WAIT
		return true
	}
	return false
}

// harmless reports whether the connection can be used again after e. Another connection to this server would get the
// same answer, and this is the right server or its answer names the right one.
func harmless(e redis.Error) bool {
	switch code(e) {
	case "NOSCRIPT", "MOVED", "ASK", "TRYAGAIN", "CROSSSLOT", "WRONGTYPE", "NOPERM", "OOM", "MISCONF", "BUSY":
		return true
	}
	return false
}

// wire is the socket of a connection. It writes a whole pipeline at once. redigo writes it in pieces of 4 KB, and each
// write costs more than any other step of a message here. A commit of 6 KB is therefore sent with one write.
type wire struct {
	net.Conn
	held bool // between the first Send and Flush
	out  []byte

	network *network
	peer    string        // the address that the connection leads to, "" while there is none
	opened  *atomic.Int64 // counts the open connections; may be nil
	closed  sync.Once
}

// dial connects to addr. redigo calls it.
func (w *wire) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	c, err := w.network.dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	w.Conn, w.peer = c, c.RemoteAddr().String()
	w.count(1)
	return w, nil
}

// Close closes the connection. It may be called more than once, because redigo does so.
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

// release sends what was kept. redigo has already set the deadline of the write.
func (w *wire) release() error {
	w.held = false
	if len(w.out) == 0 {
		return nil
	}
	_, err := w.Conn.Write(w.out)
	w.out = w.out[:0]
	return err
}
