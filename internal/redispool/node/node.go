// Package node connects to one server: a Redis server, a node of a Cluster, or a Sentinel. It limits how long each step
// of a connection takes, decides which connections must not be used again, and waits until enough replicas have the
// writes of a script. It does not repeat commands.
package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"

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

// ErrStale means that the pool must close an idle connection instead of handing it out.
var ErrStale = errors.New("the connection must not be used again")

// ErrRedial is returned by Options.Greet if the server closed the connection instead of answering. [Node.Dial] then
// connects once more, without Greet.
var ErrRedial = errors.New("the server closed the connection")

// Login is a user and a password for AUTH, and the encryption of a connection.
type Login struct {
	// without a user name, the password of the default user; without both, there is no AUTH
	Username, Password string
	TLS                *tls.Config // nil for plain TCP
}

// Options are the settings that all nodes of one Redis share.
type Options struct {
	Dialer       *dial.Dialer
	Login        func() Login           // is called before each connection
	Database     int                    // for SELECT
	Timeout      time.Duration          // limits one write and one read
	WaitReplicas int                    // how many replicas must have the writes of a script; 0 means no WAIT
	Greet        func(redis.Conn) error // checks a new connection; may be nil
	Failed       func(error)            // is called with each error before it is returned
	Observe      func(time.Duration)    // is called after each round trip; may be nil
}

// Node is a server. It is safe for concurrent use.
type Node struct {
	Options Options
	Addr    string // host:port or the path of a Unix socket

	breaker breaker

	// losses contains the time of the last loss of a connection, by remote address. The name in Addr may have several
	// addresses. Connections that were idle at that time are probably lost, too: a restart or a failover closes all of
	// them.
	losses sync.Map
}

// NewPool returns a pool. dial makes its connections and must return a [Conn]. If maxActive connections are in use, the
// pool returns [redis.ErrPoolExhausted] and does not wait, because redisstore cannot give it a time limit.
func NewPool(dial func(context.Context) (redis.Conn, error), maxActive, maxIdle int) *redis.Pool {
	return &redis.Pool{DialContext: dial, TestOnBorrow: Reusable, MaxActive: maxActive, MaxIdle: maxIdle,
		IdleTimeout: idleTimeout}
}

// Reusable returns ErrStale if a connection is too old, or if another connection to the same address was lost after
// lastUsed. pooled must be a [Conn]. The pool calls it before it hands out an idle connection.
func Reusable(pooled redis.Conn, lastUsed time.Time) error {
	c := pooled.(*Conn)
	lost, found := c.node.losses.Load(c.peer)
	if time.Now().After(c.expires) || found && !lastUsed.After(lost.(time.Time)) {
		return ErrStale
	}
	return nil
}

// Dial returns a new connection, which is a [Conn]. Each step of connecting has its own time limit, and ctx can end
// them earlier. Dial returns any error of the network, of TLS or of Redis; [Refused] and [Outdated] classify it. After
// a failure, only one caller at a time tries to connect. Until it succeeds, Dial returns the last error to the other
// callers at once.
func (n *Node) Dial(ctx context.Context) (redis.Conn, error) {
	if err := n.breaker.enter(); err != nil {
		return nil, err
	}
	c, err := n.connect(ctx, n.Options.Greet)
	if errors.Is(err, ErrRedial) {
		c, err = n.connect(ctx, nil)
	}
	if err != nil {
		err = fmt.Errorf("connect to %s: %w", n.Addr, err)
	}
	n.breaker.leave(err, ctx.Err() != nil)
	if err != nil {
		n.Options.Failed(err)
		return nil, err
	}
	return c, nil
}

// connect opens a connection, logs in and calls greet, which may be nil.
func (n *Node) connect(ctx context.Context, greet func(redis.Conn) error) (*Conn, error) {
	c := &Conn{node: n, expires: time.Now().Add(minAge + rand.N(ageSpread))}
	c.Run = c.roundTrip
	login := n.Options.Login()
	raw, err := redis.DialContext(ctx, "tcp", n.Addr,
		redis.DialContextFunc(c.open),
		redis.DialTLSHandshakeTimeout(dial.Timeout),
		redis.DialReadTimeout(n.Options.Timeout),
		redis.DialWriteTimeout(n.Options.Timeout),
		redis.DialUseTLS(login.TLS != nil),
		redis.DialTLSConfig(login.TLS),
	)
	if err == nil {
		c.raw = raw
		if err = c.logIn(login); err == nil && greet != nil {
			err = greet(raw)
		}
		if err != nil {
			_ = raw.Close()
		}
	}
	if c.peer != "" {
		n.Options.Dialer.Report(c.peer, err == nil)
	}
	return c, err
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

// logIn authenticates and selects the database. redigo could do both, but its error does not show which step failed. An
// error reply to either step is a refusal.
func (c *Conn) logIn(l Login) error {
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
		if _, err := c.raw.Do(command.Name, command.Args...); Code(err) != "" {
			return Refuse(redact(err))
		} else if err != nil {
			return err
		}
	}
	return nil
}

// ping returns an error if the server does not accept the connection. A server that has too many clients refuses a new
// one only in its first reply. A server that does not permit PING has accepted the connection.
func (c *Conn) ping() error {
	_, err := c.raw.Do("PING")
	if code := Code(err); code == "NOAUTH" || code == "NOPERM" {
		return nil
	}
	return err
}

// lose records the loss of a connection. If a command timed out, the server may hang. After any other error, the next
// connection may work.
func (n *Node) lose(peer string, err error) {
	n.losses.Store(peer, time.Now()) // with its monotonic part, because the wall clock may jump
	if network, ok := errors.AsType[net.Error](err); ok && network.Timeout() {
		n.breaker.trip(err)
	}
}
