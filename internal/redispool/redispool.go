// Package redispool makes the *redis.Pool that everything else uses, from a checked Redis address, and the embedded
// Redis of `smsession dev`. It decides how long a connection may take and which connections are not to be used again;
// it never repeats a command.
package redispool

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"
)

const (
	// Size is how many connections messages may hold at once. One message occupies one connection for two round trips,
	// some 0.2 ms on a local network: 64 connections carry more than a replica's CPU can.
	Size = 64

	// spare connections are for what is not a message: the readiness check.
	spare = 4

	// timeout bounds every dial, TLS handshake, write and read by itself. Twilio waits 15 s in all, and a request's
	// patience is many short tries, not one long one.
	timeout = time.Second

	// idle connections are closed before firewalls and load balancers forget them silently.
	idleTimeout = 2 * time.Minute
)

// Options say which Redis is meant and who we are there.
type Options struct {
	Addr     string      // host:port
	TLS      *tls.Config // nil: plain TCP
	Username string
	Password string
	Database int
}

// Open returns a pool. It does not contact Redis: a Redis that is not there yet shows in the first command. The pool never
// waits for a connection, since redisstore could not be told how long: whoever wants one holds one of Size places first.
func Open(o Options) *redis.Pool {
	var lost losses
	return &redis.Pool{
		DialContext: func(ctx context.Context) (redis.Conn, error) {
			c, wire, err := dial(ctx, o)
			if err != nil {
				return nil, fmt.Errorf("connect to Redis: %w", err)
			}
			return &conn{Conn: c, wire: wire, lost: &lost}, nil
		},
		TestOnBorrow: func(_ redis.Conn, lastUsed time.Time) error { return lost.since(lastUsed) },
		MaxActive:    Size + spare,
		MaxIdle:      Size,
		IdleTimeout:  idleTimeout,
	}
}

// dial connects, and authenticates where there is something to authenticate with.
func dial(ctx context.Context, o Options) (redis.Conn, *wire, error) {
	w := &wire{}
	options := []redis.DialOption{
		redis.DialContextFunc(w.dial),
		redis.DialTLSHandshakeTimeout(timeout),
		redis.DialReadTimeout(timeout),
		redis.DialWriteTimeout(timeout),
		redis.DialUsername(o.Username),
		redis.DialPassword(o.Password),
		redis.DialDatabase(o.Database),
	}
	if o.TLS != nil {
		options = append(options, redis.DialUseTLS(true), redis.DialTLSConfig(o.TLS))
	}
	c, err := redis.DialContext(ctx, "tcp", o.Addr, options...)
	return c, w, err
}

// Ping asks whether Redis runs scripts, which is what a commit is: one that is still loading its data does not, and a user
// without the right to is told so at the start.
func Ping(ctx context.Context, pool *redis.Pool) error {
	c, err := pool.GetContext(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Do("EVAL", "return 1", 0)
	return err
}

// Refused reports whether err is Redis's or TLS's refusal of who we are, or of the database: something that waiting does
// not heal.
func Refused(err error) bool {
	var verification *tls.CertificateVerificationError
	if errors.As(err, &verification) {
		return true
	}
	var reply redis.Error
	if !errors.As(err, &reply) {
		return false
	}
	code, rest, _ := strings.Cut(string(reply), " ")
	switch code {
	case "NOAUTH", "WRONGPASS", "NOPERM", "DENIED":
		return true
	case "ERR": // what older servers and SELECT say
		return strings.Contains(rest, "AUTH") || strings.Contains(rest, "password") || strings.Contains(rest, "DB index")
	}
	return false
}
