// Package node connects to single servers: a Redis server, a node of a Cluster, or a Sentinel. It decides how long each
// step of a connection may take, which connections must not be used again, and how many replicas must have the writes of
// a script before its reply is returned. It does not repeat commands.
package node

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/config/redisurl"
	"smsession/internal/redispool/dial"
)

const (
	// idleTimeout is short enough that idle connections are closed before firewalls and load balancers drop them
	// without notice.
	idleTimeout = 2 * time.Minute

	// A connection is not used again once it is older than minAge plus a random part of ageSpread. The service then
	// notices that a name leads to another server, even if the old server still answers. Because of the random part,
	// connections that were dialled at the same time do not end at the same time.
	minAge    = 4 * time.Minute
	ageSpread = 2 * time.Minute
)

// ErrStale means that a pooled connection must not be used again.
var ErrStale = errors.New("connection is too old, or its server was lost since its last use")

// ErrRedial makes a node connect again, after Options.Greet has made the server close the connection.
var ErrRedial = errors.New("the server closed the connection")

// Options are what connections to several nodes have in common.
type Options struct {
	Dialer       *dial.Dialer
	Login        func() redisurl.Login  // is called before each connection
	Database     int                    // for SELECT
	Timeout      time.Duration          // limits one write and one read
	WaitReplicas int                    // how many replicas must have the writes of a script
	Greet        func(redis.Conn) error // checks a new connection; may be nil
	Failed       func(error)            // is called with each error before it is returned
	Observe      func(time.Duration)    // is called after each round trip; may be nil
}

// Node is a server. It is safe for concurrent use.
type Node struct {
	Options Options
	Addr    string // host:port or the path of a Unix socket

	breaker breaker

	// losses has, for each remote address of Addr, the time when a connection was last lost. Connections that were idle
	// then are probably lost, too: a restart or a failover closes all of them.
	losses sync.Map
}

// NewPool returns a pool of the connections that dial returns, each of which must be a Conn. The pool never waits for a
// free connection, because redisstore cannot give it a time limit.
func NewPool(dial func(context.Context) (redis.Conn, error), maxActive, maxIdle int) *redis.Pool {
	return &redis.Pool{DialContext: dial, TestOnBorrow: Reusable, MaxActive: maxActive, MaxIdle: maxIdle, IdleTimeout: idleTimeout}
}

// Reusable returns ErrStale if a connection, which was last used at lastUsed, must not be used again.
func Reusable(pooled redis.Conn, lastUsed time.Time) error {
	c := pooled.(*Conn)
	lost, found := c.node.losses.Load(c.peer)
	if time.Now().After(c.expires) || found && !lastUsed.After(lost.(time.Time)) {
		return ErrStale
	}
	return nil
}

// Dial returns a new connection. If another caller has just failed to connect, Dial returns the error of that attempt.
func (n *Node) Dial(ctx context.Context) (redis.Conn, error) {
	if err := n.breaker.enter(); err != nil {
		return nil, err
	}
	c := &Conn{node: n, expires: time.Now().Add(minAge + rand.N(ageSpread))}
	c.Run = c.roundTrip
	err := c.connect(ctx)
	n.breaker.leave(err, ctx.Err() != nil)
	if err != nil {
		n.Options.Failed(err)
		return nil, err
	}
	return c, nil
}

// connect connects to the node and logs in. Each step has its own time limit.
func (c *Conn) connect(ctx context.Context) (err error) {
	o, login := c.node.Options, c.node.Options.Login()
	c.raw, err = redis.DialContext(ctx, "tcp", c.node.Addr,
		redis.DialContextFunc(c.open),
		redis.DialTLSHandshakeTimeout(dial.Timeout),
		redis.DialReadTimeout(o.Timeout),
		redis.DialWriteTimeout(o.Timeout),
		redis.DialUseTLS(login.TLS != nil),
		redis.DialTLSConfig(login.TLS),
	)
	if err == nil {
		if err = c.logIn(login); err == nil && o.Greet != nil {
			err = o.Greet(c.raw)
		}
		if err != nil {
			_ = c.raw.Close()
		}
	}
	if c.peer != "" {
		o.Dialer.Report(c.peer, err == nil)
	}
	switch {
	case errors.Is(err, ErrRedial):
		return c.connect(ctx)
	case err != nil:
		return fmt.Errorf("connect to %s: %w", c.node.Addr, err)
	}
	return nil
}

// open opens the network connection. redigo calls it.
func (c *Conn) open(ctx context.Context, _, addr string) (net.Conn, error) {
	s, err := c.node.Options.Dialer.Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	c.peer = s.RemoteAddr().String()
	return &socket{Conn: s}, nil
}

// logIn authenticates and selects the database. redigo could do both, but its error does not show that one of them
// failed.
func (c *Conn) logIn(l redisurl.Login) error {
	if err := c.ping(); err != nil {
		return err
	}
	var commands []Command
	switch {
	case l.Username != "":
		commands = append(commands, Command{"AUTH", []any{l.Username, l.Password}})
	case l.Password != "":
		commands = append(commands, Command{"AUTH", []any{l.Password}})
	}
	if database := c.node.Options.Database; database != 0 {
		commands = append(commands, Command{"SELECT", []any{database}})
	}
	for _, command := range commands {
		_, err := c.raw.Do(command.Name, command.Args...)
		switch {
		case Code(err) != "":
			return Refuse(redact(err))
		case err != nil:
			return err
		}
	}
	return nil
}

// ping finds out whether the server accepts the connection. A server that has too many clients refuses a new one only in
// its first reply. A reply that the user may not do PING shows that the server accepts it.
func (c *Conn) ping() error {
	_, err := c.raw.Do("PING")
	if code := Code(err); code == "NOAUTH" || code == "NOPERM" {
		return nil
	}
	return err
}

// lose records the loss of a connection. If a command timed out, the server may hang. Any other error of a connection
// shows nothing about the next connection.
func (n *Node) lose(peer string, err error) {
	n.losses.Store(peer, time.Now()) // with its monotonic part, because the wall clock may jump
	if network, ok := errors.AsType[net.Error](err); ok && network.Timeout() {
		n.breaker.trip(err)
	}
}
