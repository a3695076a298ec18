// Package redispool opens the pool of connections that the rest of the service uses: to a single server, to the primary
// that Sentinels name, or to a Cluster. The users of a pool share one network connection to each server, unless scripts
// wait for replicas. It also checks the settings of Redis, and contains the embedded Redis of
// `smsession dev`.
package redispool

import (
	"cmp"
	"context"
	"sync/atomic"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/config/redisurl"
	"smsession/internal/redispool/cluster"
	"smsession/internal/redispool/dial"
	"smsession/internal/redispool/node"
	"smsession/internal/redispool/sentinel"
)

const (
	// Size is the default of Options.Connections. One message uses a connection for two round trips, which take about
	// 0.2 ms on a local network. 64 therefore allow more messages than the CPU of a replica can process.
	Size = 64

	// spare is the number of additional connections, which the readiness check uses.
	spare = 4
)

// Options describe the Redis to connect to, the logins, and the limits of a pool. Everything except URL is optional.
type Options struct {
	URL redisurl.URL

	// Current returns the URL with the current logins. The default is URL. It is called before each connection is made.
	// Open connections keep the login that they were made with. It must be safe for concurrent use.
	Current func() redisurl.URL

	// Outdated is called when a server does not accept our login, or when we do not accept its certificate. It is
	// called before the error is returned, so that the next connection uses the new result of Current. It must be safe
	// for concurrent use.
	Outdated func()

	// Timeout is the time limit of each write and of each read. The default is one second: Twilio waits 15 s in all,
	// and a message uses this time for many short attempts instead of one long attempt.
	Timeout time.Duration

	// WaitReplicas is how many replicas must have the writes of a script before its reply is returned. If too few have
	// them within half a second, the script returns an error, although the primary has its writes. 0 means that no
	// script waits.
	WaitReplicas int

	// Connections is the number of connections that messages may use at the same time. The default is Size.
	Connections int

	// Observe is called after each round trip, with the time from sending a command or a pipeline until its last reply
	// or a time-out. It must be safe for concurrent use.
	Observe func(roundTrip time.Duration)

	// Resolver finds the addresses of host names. The default is net.DefaultResolver.
	Resolver dial.Resolver
}

// Pool is a pool of connections to the Redis of its Options. It is safe for concurrent use, but its connections are
// not. Unless scripts wait for replicas, they share one network connection to each server. A command that blocks the
// server then delays all of them, and a command that changes the state of the connection affects all of them. Get is
// that of [redis.Pool], and has its limit.
type Pool struct {
	*redis.Pool
	server   linked           // nil only in tests
	cluster  *cluster.Cluster // nil without a Cluster
	open     *atomic.Int64    // counts the network connections
	isClosed atomic.Bool
}

// linked is a Redis to which all users can share the network connections: a [node.Node], a [sentinel.Primary] or a
// [cluster.Cluster].
type linked interface {
	Shared() redis.Conn
	InUse() int
}

// Open returns a pool. It does not contact Redis: if Redis cannot be reached, the first command returns the error. If
// all connections are in use, the pool returns [redis.ErrPoolExhausted] and does not wait, because redisstore cannot
// give it a time limit. A caller must therefore limit its own use to Options.Connections.
func Open(o Options) *Pool {
	if o.Current == nil {
		o.Current = func() redisurl.URL { return o.URL }
	}
	size := cmp.Or(o.Connections, Size)
	servers := node.Options{
		Dialer:       &dial.Dialer{Resolver: o.Resolver},
		Login:        func() node.Login { return node.Login(o.Current().Redis) },
		Database:     o.URL.Database,
		Timeout:      cmp.Or(o.Timeout, dial.Timeout),
		WaitReplicas: o.WaitReplicas,
		Failed:       o.failed,
		Observe:      o.Observe,
		Open:         new(atomic.Int64),
	}
	switch o.URL.Topology {
	case redisurl.Cluster:
		c := cluster.New(o.URL.Addrs, servers, size+spare)
		pool := &redis.Pool{DialContext: c.Dial, MaxActive: size + spare, MaxIdle: size + spare}
		return &Pool{Pool: pool, server: c, cluster: c, open: servers.Open}
	case redisurl.Sentinel:
		login := func() node.Login { return node.Login(o.Current().Sentinels) }
		sentinels := node.Options{Dialer: servers.Dialer, Login: login, Timeout: dial.Timeout, Failed: o.failed}
		p := sentinel.New(o.URL.Primary, o.URL.Addrs, sentinels, servers)
		pool := node.NewPool(p.Dial, size+spare, size)
		pool.TestOnBorrow = p.Reusable
		return &Pool{Pool: pool, server: p, open: servers.Open}
	}
	servers.Greet = refuseClusterNode
	server := node.New(o.URL.Addrs[0], servers)
	return &Pool{Pool: node.NewPool(server.Join, size+spare, size), server: server, open: servers.Open}
}

// GetContext is like that of [redis.Pool]. While there is a network connection that all users share, or the layout of
// the Cluster is known, it returns a connection beyond the limit of the pool, and does not use ctx.
func (p *Pool) GetContext(ctx context.Context) (redis.Conn, error) {
	if p.server != nil && !p.isClosed.Load() {
		if c := p.server.Shared(); c != nil {
			return c, nil
		}
	}
	return p.Pool.GetContext(ctx)
}

// InUse returns how many connections of Get and GetContext are not closed. One that is taken or closed during the call
// may count twice or not at all.
func (p *Pool) InUse() int {
	stats := p.Stats()
	n := stats.ActiveCount - stats.IdleCount
	if p.server != nil {
		n += p.server.InUse()
	}
	return n
}

func (o Options) failed(err error) {
	if o.Outdated != nil && node.Outdated(err) {
		o.Outdated()
	}
}

// EachPrimary calls f with a connection to each server that accepts writes: the single server, the primary, or every
// primary of a Cluster that has slots. In a Cluster, addr is the address of the server. Otherwise it is "". These
// connections do not count towards Options.Connections. f must not use a connection after it has returned. EachPrimary
// stops at the first error of a connection or of f, and returns it.
//
// While a slot of a Cluster moves from one server to another, f may find its keys twice or not at all.
func (p *Pool) EachPrimary(ctx context.Context, f func(addr string, c redis.Conn) error) error {
	c, err := p.DialContext(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if p.cluster == nil {
		return f("", c)
	}
	return p.cluster.EachPrimary(ctx, f)
}

// HashTags returns one hash tag for each primary of a Cluster that has slots. A key that contains the tag in braces is
// on that primary. Before the first connection is made, HashTags returns none. Without a Cluster, it returns only "".
func (p *Pool) HashTags() []string {
	if p.cluster == nil {
		return []string{""}
	}
	return p.cluster.HashTags()
}

// OpenConnections returns the number of open network connections to Redis servers. InUse counts the users of these
// connections.
func (p *Pool) OpenConnections() int { return int(p.open.Load()) }

// Close closes all connections. Its error is always nil.
func (p *Pool) Close() error {
	p.isClosed.Store(true)
	if p.cluster != nil {
		p.cluster.Close()
	}
	return p.Pool.Close()
}

// Refused reports whether it is useless to try again after err: Redis or TLS refuses our login, Redis refuses the
// database or forbids a command, the Sentinels do not know the primary, or the server is not the kind of Redis in the
// URL. It returns false for nil.
func Refused(err error) bool { return node.Refused(err) }
