// Package redispool opens the *redis.Pool that the rest of the service uses. The pool connects to a single server, to
// the primary that Sentinels name, or to a Cluster. The package also contains the embedded Redis of `smsession dev`. It
// decides how long a connection may take, which connections must not be used again, and how many replicas must have the
// writes of a script before its answer is returned. It repeats a command only if a node of a Cluster redirects it to
// another node.
package redispool

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/config/redisurl"
)

const (
	// Size is the default of Options.Connections. One message uses one connection for two round trips, which take about
	// 0.2 ms on a local network. 64 connections therefore allow more messages than the CPU of a replica can process.
	Size = 64

	// spare is the number of additional connections, which the readiness check uses.
	spare = 4

	// timeout limits each connect, TLS handshake, write and read. Twilio waits 15 s in all. A message uses this time
	// for many short attempts instead of one long attempt.
	timeout = time.Second

	// idleTimeout is short enough that idle connections are closed before firewalls and load balancers drop them
	// without notice.
	idleTimeout = 2 * time.Minute

	// A connection is not used again once it is older than leastAge plus a random part of ageSpread. The service then
	// notices that a name leads to another server, even if the old server still answers. The random part prevents that
	// all connections are dialled at the same time.
	leastAge  = 4 * time.Minute
	ageSpread = 2 * time.Minute
)

// Options select the Redis and the credentials, and set the limits of a pool.
type Options struct {
	URL redisurl.URL

	// Current, unless it is nil, is called before each connection is made, and returns the URL with the current logins.
	// Open connections keep the login that they were made with.
	Current func() redisurl.URL

	// Outdated, unless it is nil, is called when a server does not accept our login, or when we do not accept its
	// certificate. It is called before the error is returned, so that the next connection uses the new result of
	// Current.
	Outdated func()

	// Timeout limits one write and one read; 0 means one second, which is right for messages. A caller that does not
	// answer a message can wait longer for a busy Redis.
	Timeout time.Duration

	// WaitReplicas is how many replicas must have the writes of a script before its answer is returned.
	WaitReplicas int

	// Connections is how many connections messages may use at once; 0 means Size. The pool has a few more for the
	// readiness check.
	Connections int

	// Observe, unless it is nil, is called after each round trip, with the time from sending a command or a pipeline
	// until its last answer or a time-out. It must be safe for concurrent use.
	Observe func(roundTrip time.Duration)

	// Resolver finds the addresses of host names; nil is net.DefaultResolver.
	Resolver Resolver

	network *network      // one for all connections of a pool
	opened  *atomic.Int64 // the open connections
	shards  *shards
}

// size returns how many connections messages may use at once.
func (o Options) size() int { return cmp.Or(o.Connections, Size) }

// Pool is a pool of connections to the Redis of its Options. It is safe for concurrent use.
type Pool struct {
	*redis.Pool
	opened *atomic.Int64
	shards *shards
}

// OpenConnections returns the number of open connections, for a Cluster those to all its nodes. The Stats of the pool of
// a Cluster count only its routers.
func (p *Pool) OpenConnections() int64 { return p.opened.Load() }

// HashTags returns a hash tag for each primary of a Cluster that has slots: the keys with that tag are on that primary.
// It returns only "" if there is no Cluster, or if the layout is not known yet. The layout is known once a connection was
// made.
func (p *Pool) HashTags() []string { return p.shards.hashTags() }

// Open returns a pool. It does not contact Redis: if Redis cannot be reached yet, the first command returns the error.
// The pool never waits for a free connection, because redisstore cannot give it a time limit. A caller must therefore
// limit its own use to Options.Connections.
func Open(o Options) *Pool {
	o.network, o.opened, o.shards = newNetwork(o.Resolver), &atomic.Int64{}, &shards{}
	p := &Pool{Pool: openTopology(o), opened: o.opened, shards: o.shards}
	if o.Observe != nil {
		measure(p.Pool, o.Observe)
	}
	return p
}

func openTopology(o Options) *redis.Pool {
	pool := &redis.Pool{
		TestOnBorrow: reusable,
		MaxActive:    o.size() + spare,
		MaxIdle:      o.size(),
		IdleTimeout:  idleTimeout,
	}
	switch o.URL.Topology {
	case redisurl.Cluster:
		return openCluster(o)
	case redisurl.Sentinel:
		p := newPrimary(o)
		pool.DialContext, pool.TestOnBorrow = p.connect, p.reusable
	default:
		pool.DialContext = (&alone{node: &node{options: o, addr: o.URL.Addrs[0]}}).connect
	}
	return pool
}

// dial connects to a server, authenticates if there are credentials, and runs greet, which may be nil. If none of these
// steps waits for an answer, dial waits for the answer to PING. A server that has too many clients refuses a new one
// only in its first answer, so without this step the pool would get a dead connection.
func dial(ctx context.Context, o Options, l redisurl.Login, addr string, greet func(redis.Conn) error) (redis.Conn, *wire, error) {
	w := &wire{opened: o.opened, network: o.network}
	options := []redis.DialOption{
		redis.DialContextFunc(w.dial),
		redis.DialTLSHandshakeTimeout(timeout),
		redis.DialReadTimeout(cmp.Or(o.Timeout, timeout)),
		redis.DialWriteTimeout(cmp.Or(o.Timeout, timeout)),
		redis.DialUsername(l.Username),
		redis.DialPassword(l.Password),
		redis.DialDatabase(o.URL.Database),
	}
	if l.TLS != nil {
		options = append(options, redis.DialUseTLS(true), redis.DialTLSConfig(l.TLS))
	}
	c, err := redis.DialContext(ctx, "tcp", addr, options...)
	answered := l.Password != "" || o.URL.Database != 0 // redigo then waited for the answer to AUTH or SELECT
	switch {
	case err != nil:
	case greet != nil:
		err = greet(c)
	case !answered:
		err = ping(c)
	}
	if w.peer != "" {
		o.network.note(w.peer, err == nil)
	}
	if err != nil {
		o.judge(err)
		if c != nil {
			_ = c.Close()
		}
		return nil, nil, unquoted(err)
	}
	return c, w, nil
}

// ping waits for any answer to PING. The answer is an error if the user has no right to PING, and if there are too many
// clients. In the second case, the server then closes the connection, so ping returns an error.
func ping(c redis.Conn) error {
	_, err := c.Do("PING")
	var reply redis.Error
	if !errors.As(err, &reply) {
		return err
	}
	if demoted(reply) {
		return err
	}
	if _, _ = c.Do("PING"); c.Err() != nil {
		return err
	}
	return nil
}

// Refused reports whether err is a refusal that waiting cannot remove: Redis or TLS refuses our credentials, Redis
// refuses the database, the Sentinels do not know the primary, or the server is another kind of Redis than the one in
// the options.
func Refused(err error) bool {
	if outdated(err) || errors.Is(err, errNoSuchPrimary) || errors.Is(err, errNode) {
		return true
	}
	var reply redis.Error
	if !errors.As(err, &reply) {
		return false
	}
	code, rest, _ := strings.Cut(string(reply), " ")
	switch code {
	case "NOPERM", "DENIED":
		return true
	case "ERR": // older servers, SELECT, and servers outside a Cluster use this code
		return strings.Contains(rest, "AUTH") || strings.Contains(rest, "password") || strings.Contains(rest, "DB index") ||
			strings.Contains(rest, "cluster support disabled")
	}
	return false
}
