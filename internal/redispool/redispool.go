// Package redispool makes the *redis.Pool that everything else uses: over one Redis, over the primary that Sentinels name,
// or over a Cluster; and the embedded Redis of `smsession dev`. It decides how long a connection may take, which
// connections are not to be used again, and how many replicas must have a script's writes before its answer is given. It
// repeats a command only where a Cluster's node says that another one has the key.
package redispool

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gomodule/redigo/redis"
)

const (
	// Size is the default of Options.Connections. One message occupies one connection for two round trips, some 0.2 ms on
	// a local network: 64 connections carry more than a replica's CPU can.
	Size = 64

	// spare connections are for what is not a message: the readiness check.
	spare = 4

	// timeout bounds every connect, TLS handshake, write and read by itself. Twilio waits 15 s in all, and a request's
	// patience is many short tries, not one long one.
	timeout = time.Second

	// idle connections are closed before firewalls and load balancers forget them silently.
	idleTimeout = 2 * time.Minute

	// A connection is not used again once it is older than leastAge plus a random part of ageSpread. The service then
	// notices that a name leads to another server, even if the old server still answers. The random part prevents that
	// all connections are dialled at the same time.
	leastAge  = 4 * time.Minute
	ageSpread = 2 * time.Minute
)

// Options say which Redis is meant and who we are there.
type Options struct {
	Addr     string // host:port or the path of a Unix socket, unless Sentinels or Cluster name the servers
	Database int

	// Sentinels tell which server is the primary; nil where there are none.
	Sentinels *Sentinels

	// Cluster has the addresses of some of a Cluster's nodes, which tell of the others.
	Cluster []string

	// Credentials, unless it is nil, is called before each connection is made. Connections that are open keep what they
	// were made with.
	Credentials func() Credentials

	// Outdated, unless it is nil, is called when a server does not accept our credentials, or when we do not accept its
	// certificate. It is called before the error is returned, so that the next connection uses the new result of
	// Credentials.
	Outdated func()

	// Patience bounds one write and one read; 0 is a second, which is right for messages. Who has no message to answer
	// can wait longer for a Redis that is busy.
	Patience time.Duration

	// WaitReplicas is how many replicas must have what a script wrote before its answer is given.
	WaitReplicas int

	// Connections is how many connections messages may use at once; 0 means Size. The pool has a few more for the
	// readiness check.
	Connections int

	// Opened, unless it is nil, is how many connections are open, those of all nodes of a Cluster together: there the pool
	// itself counts only its users.
	Opened *atomic.Int64

	// Shards, unless it is nil, gets the layout of a Cluster.
	Shards *Shards

	// Resolver finds the addresses of host names; nil is net.DefaultResolver.
	Resolver Resolver

	network *network // one for all connections of a pool
}

// size returns how many connections messages may use at once.
func (o Options) size() int { return cmp.Or(o.Connections, Size) }

// Open returns a pool. It does not contact Redis: a Redis that is not there yet shows in the first command. The pool never
// waits for a connection, since redisstore could not be told how long: whoever wants one holds one of Connections places
// first.
func Open(o Options) *redis.Pool {
	o.network = newNetwork(o.Resolver)
	pool := &redis.Pool{
		TestOnBorrow: reusable,
		MaxActive:    o.size() + spare,
		MaxIdle:      o.size(),
		IdleTimeout:  idleTimeout,
	}
	switch {
	case len(o.Cluster) > 0:
		return openCluster(o)
	case o.Sentinels != nil:
		p := newPrimary(o)
		pool.DialContext, pool.TestOnBorrow = p.connect, p.reusable
	default:
		pool.DialContext = (&alone{node: &node{options: o, addr: o.Addr}}).connect
	}
	return pool
}

// dial connects to a server, authenticates where there is something to authenticate with, and has the server answer
// greet, which is nil if any answer will do. A server that has too many clients already refuses a new one only in its
// first answer: whoever did not wait for it would pool a dead connection.
func dial(ctx context.Context, o Options, l Login, addr string, greet func(redis.Conn) error) (redis.Conn, *wire, error) {
	w := &wire{opened: o.Opened, network: o.network}
	options := []redis.DialOption{
		redis.DialContextFunc(w.dial),
		redis.DialTLSHandshakeTimeout(timeout),
		redis.DialReadTimeout(cmp.Or(o.Patience, timeout)),
		redis.DialWriteTimeout(cmp.Or(o.Patience, timeout)),
		redis.DialUsername(l.Username),
		redis.DialPassword(l.Password),
		redis.DialDatabase(o.Database),
	}
	if l.TLS != nil {
		options = append(options, redis.DialUseTLS(true), redis.DialTLSConfig(l.TLS))
	}
	c, err := redis.DialContext(ctx, "tcp", addr, options...)
	answered := l.Password != "" || o.Database != 0 // redigo then waited for the answer to AUTH or SELECT
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

// ping waits for any answer to PING. A user without the right to PING gets an error as the answer, and so does a client
// beyond maxclients; only in the second case the server then closes the connection.
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

// Refused reports whether err is Redis's or TLS's refusal of who we are, or of the database, or says that it is another kind
// of Redis than the options do: something that waiting does not heal.
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
	case "ERR": // what older servers, SELECT and servers that are in no Cluster say
		return strings.Contains(rest, "AUTH") || strings.Contains(rest, "password") || strings.Contains(rest, "DB index") ||
			strings.Contains(rest, "cluster support disabled")
	}
	return false
}
