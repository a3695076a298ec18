package redispool

import (
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gomodule/redigo/redis"
)

var (
	errLost     = errors.New("connection is older than the last one that was lost")
	errOutdated = errors.New("connection has not proved who we are")
	errDemoted  = errors.New("connection leads to a server that cannot take writes now")
)

// losses remembers when a connection was last lost. The idle connections of that time probably went with it: a restart
// or a failover takes them all.
type losses struct {
	last   atomic.Pointer[time.Time] // with its monotonic part: the wall clock may jump
	notify func(error)               // told of each loss, unless it is nil
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
// connection that is in perfect health; such a connection must not go back to the pool.
type conn struct {
	redis.Conn
	wire *wire
	lost *losses
	err  error

	judge func(error) // told of each error
}

// Err is what the pool asks when it gets the connection back.
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
	reply, err := c.Conn.Do(command, args...)
	return reply, c.watch(err)
}

// Send holds the command back until Flush, whatever its size.
func (c *conn) Send(command string, args ...any) error {
	c.wire.held = true
	return c.watch(c.Conn.Send(command, args...))
}

func (c *conn) Flush() error {
	if err := c.watch(c.Conn.Flush()); err != nil {
		return err
	}
	return c.release()
}

// release sends what was held back. redigo has not seen the write, so its failure is noted here, and the connection
// closed: to give it back would else wait for the answers.
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
	case outdated(err): // it was made without credentials
		c.err = errOutdated
	case demoted(reply):
		c.err = errDemoted
		c.lost.note(err)
	}
	return unquoted(err)
}

// unquoted is an error of the server's without the arguments that it quotes where it does not know a command, which may
// have been renamed: keys hold numbers and tokens, and AUTH has the password.
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

// demoted reports whether another server, or this one later, would have taken the command. Not so MISCONF, OOM, BUSY and
// TRYAGAIN: a server that is short of disk, memory or time is still the one that has the sessions.
// See https://redis.io/docs/latest/develop/reference/errors/.
func demoted(e redis.Error) bool {
	code, _, _ := strings.Cut(string(e), " ")
	switch code {
	case "READONLY", "LOADING", "MASTERDOWN", "CLUSTERDOWN",
		"NOREPLICAS", // a primary that was cut off from the rest, and does not know that they have another one
		"UNBLOCKED":  // it became a replica during WAIT
		return true
	}
	return false
}
