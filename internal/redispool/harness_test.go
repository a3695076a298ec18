package redispool_test

import (
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/redispool"
	"smsession/internal/redistest"
)

// patient is the Timeout of a pool whose answers are looked at, and not how long it waits for them: the machine may be
// busy.
const patient = 20 * time.Second

// open returns a pool that is closed when the test ends.
func open(tb testing.TB, o redispool.Options) *redis.Pool {
	tb.Helper()
	return openPool(tb, o).Pool
}

func openPool(tb testing.TB, o redispool.Options) *redispool.Pool {
	tb.Helper()
	p := redispool.Open(o)
	tb.Cleanup(func() { p.Close() })
	return p
}

// plain returns a pool as redigo's documentation makes one: the negative control. Its steps are bounded, so that it
// fails where it fails, and does not hang.
func plain(tb testing.TB, addr string) *redis.Pool {
	tb.Helper()
	p := &redis.Pool{
		MaxIdle: redispool.Size,
		Dial: func() (redis.Conn, error) {
			return redis.Dial("tcp", addr, redis.DialReadTimeout(5*time.Second), redis.DialWriteTimeout(5*time.Second))
		},
	}
	tb.Cleanup(func() { p.Close() })
	return p
}

// do runs one command on a connection of the pool and gives the connection back.
func do(p *redis.Pool, command string, args ...any) (any, error) {
	c := p.Get()
	defer c.Close()
	return c.Do(command, args...)
}

// clientID is Redis's number of the connection that the pool hands out next: no two connections to a server have the
// same.
func clientID(t *testing.T, p *redis.Pool) int64 {
	t.Helper()
	id, err := redis.Int64(do(p, "CLIENT", "ID"))
	if err != nil {
		t.Fatalf("CLIENT ID: %v", err)
	}
	return id
}

// fill leaves n idle connections in the pool.
func fill(t *testing.T, p *redis.Pool, n int) {
	t.Helper()
	var held []redis.Conn
	for range n {
		c := p.Get()
		if _, err := c.Do("PING"); err != nil {
			t.Fatalf("PING: %v", err)
		}
		held = append(held, c)
	}
	for _, c := range held {
		c.Close()
	}
	if got := p.IdleCount(); got != n {
		t.Fatalf("the pool has %d idle connections, want %d", got, n)
	}
}

// within fails the test if what should be bounded by a second is not over after five.
func within(t *testing.T, what string, run func()) {
	t.Helper()
	start := time.Now()
	run()
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("%s took %v, want about a second at most", what, took)
	}
}

// pingInTime pings, again if it took longer than a second: the machine may be busy.
func pingInTime(t *testing.T, p *redis.Pool) error {
	t.Helper()
	for n := 1; ; n++ {
		err := redispool.Ping(t.Context(), p)
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() || n == 5 {
			return err
		}
	}
}

// trusting returns the TLS settings of a client that knows the server's authority.
func trusting(t *testing.T, s *redistest.Server) *tls.Config {
	t.Helper()
	c := s.ClientTLS()
	c.Certificates = nil
	return c
}

func hasCode(err error, code string) bool {
	return err != nil && strings.HasPrefix(err.Error(), code+" ")
}
