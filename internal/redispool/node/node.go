// Package node connects to one server: a Redis server, a node of a Cluster, or a Sentinel. It limits how long each step
// of a connection takes, decides which connections must not be used again, and waits until enough replicas have the
// writes of a script. It does not repeat commands.
package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
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
	Open         *atomic.Int64          // counts the open connections; may be nil
	WaitReplicas int                    // how many replicas must have the writes of a script; 0 means no WAIT
	Greet        func(redis.Conn) error // checks a new connection; may be nil
	Failed       func(error)            // is called with each error before it is returned
	Observe      func(time.Duration)    // is called after each round trip; may be nil
}

// Node is a server. It is safe for concurrent use.
type Node struct {
	options Options
	addr    string

	breaker breaker
	dialing chan struct{} // has an element while a link is made

	// losses contains the time of the last loss of a connection, by remote address. The name in addr may have several
	// addresses. Connections that were idle at that time are probably lost, too: a restart or a failover closes all of
	// them.
	losses sync.Map

	mu    sync.Mutex
	link  *link // the last one that was made; nil before the first
	inUse int   // the Conns of Shared that are not closed
}

// New returns the node at addr, which is host:port or the path of a Unix socket. It does not contact the server.
func New(addr string, o Options) *Node {
	return &Node{addr: addr, options: o, dialing: make(chan struct{}, 1)}
}

// NewPool returns a pool. dial makes its connections and must return a [Conn]. If maxActive connections are in use, the
// pool returns [redis.ErrPoolExhausted] and does not wait, because redisstore cannot give it a time limit.
func NewPool(dial func(context.Context) (redis.Conn, error), maxActive, maxIdle int) *redis.Pool {
	return &redis.Pool{DialContext: dial, TestOnBorrow: Reusable, MaxActive: maxActive, MaxIdle: maxIdle,
		IdleTimeout: idleTimeout}
}

// Reusable returns ErrStale if a connection is too old or must not be used again, or if another connection to the same
// address was lost after lastUsed. pooled must be a [Conn]. The pool calls it before it hands out an idle connection.
func Reusable(pooled redis.Conn, lastUsed time.Time) error {
	if !pooled.(*Conn).wire.isReusable(lastUsed, time.Now()) {
		return ErrStale
	}
	return nil
}

// Dial returns a new connection, which is a [Conn]. Each step of connecting has its own time limit, and ctx can end
// them earlier. Dial returns any error of the network, of TLS or of Redis; [Refused] and [Outdated] classify it. After
// a failure, only one caller at a time tries to connect. Until it succeeds, Dial returns the last error to the other
// callers at once.
func (n *Node) Dial(ctx context.Context) (redis.Conn, error) {
	w, err := n.dial(ctx)
	if err != nil {
		return nil, err
	}
	c := &Conn{wire: w}
	c.Run = c.roundTrip
	return c, nil
}

// Join is like Dial, but its Conns share one connection. While it is made, Join waits for it, unless the server has
// failed: as with Dial, only one caller then waits. Commands that block the server, or that change the state of the
// connection, must not be sent over it. If scripts wait for replicas, each Conn has a connection of its own, because
// WAIT blocks.
func (n *Node) Join(ctx context.Context) (redis.Conn, error) {
	if n.options.WaitReplicas > 0 {
		return n.Dial(ctx)
	}
	if c := n.joinLink(); c != nil {
		return c, nil
	}
	if err := n.awaitDialing(ctx); err != nil {
		return nil, err
	}
	defer func() { <-n.dialing }()
	if c := n.joinLink(); c != nil { // made in the meantime
		return c, nil
	}
	w, err := n.dial(ctx)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.link = newLink(w)
	return n.link.join(), nil
}

// awaitDialing waits until no other caller makes a link. If one does after the server has failed, awaitDialing returns
// the last error at once, so that a server that hangs does not occupy the connections of messages for other servers.
func (n *Node) awaitDialing(ctx context.Context) error {
	select {
	case n.dialing <- struct{}{}:
		return nil
	default:
	}
	if err := n.breaker.last(); err != nil {
		return err
	}
	select {
	case n.dialing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// joinLink returns a Conn over the present link for the pool, or nil if there is no link that can be used.
func (n *Node) joinLink() redis.Conn {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.link == nil || n.link.users == 0 || !n.link.isUsable(time.Now()) {
		return nil
	}
	return n.link.join()
}

// Shared returns a share of the connection that the Conns of [Node.Join] share, or nil if there is none that can be
// used. It takes a fraction of the time that a pool of Conns takes, whose mutex many messages need at the same time.
func (n *Node) Shared() redis.Conn {
	now := time.Now()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.link == nil || n.link.users == 0 || !n.link.isFresh(now) {
		return nil
	}
	n.inUse++
	return &lease{n.link.reuse()}
}

// InUse returns how many Conns of Shared are not closed.
func (n *Node) InUse() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.inUse
}

func (n *Node) dial(ctx context.Context) (*wire, error) {
	if err := n.breaker.enter(); err != nil {
		return nil, err
	}
	w, err := n.connect(ctx, n.options.Greet)
	if errors.Is(err, ErrRedial) {
		w, err = n.connect(ctx, nil)
	}
	if err != nil {
		err = fmt.Errorf("connect to %s: %w", n.addr, err)
	}
	n.breaker.leave(err, ctx.Err() != nil)
	if err != nil {
		n.options.Failed(err)
		return nil, err
	}
	return w, nil
}

// lose records the loss of a connection. If a command timed out, the server may hang. After any other error, the next
// connection may work.
func (n *Node) lose(peer string, err error) {
	n.losses.Store(peer, time.Now()) // with its monotonic part, because the wall clock may jump
	if network, ok := errors.AsType[net.Error](err); ok && network.Timeout() {
		n.breaker.trip(err)
	}
}

// observe records a round trip that began at a time.
func (n *Node) observe(began time.Time) {
	if n.options.Observe != nil {
		n.options.Observe(time.Since(began))
	}
}
