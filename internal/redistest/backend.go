package redistest

import (
	"net"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/gomodule/redigo/redis"
)

// Backend is an empty Redis of one kind.
type Backend struct {
	Addr string // host:port
	URL  string // a redis:// URL
	// Advance makes every key older by d, and deletes those that expire. It does not change the clock of TIME, so that
	// this clock still agrees with the clock of the code under test. It is nil for the real Redis; see [Server.Age].
	Advance func(d time.Duration)
	Server  *Server // nil for the embedded Redis
}

// Each runs a test over the embedded Redis and over a real Redis, as subtests with their names.
func Each(t *testing.T, run func(t *testing.T, b *Backend)) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) { run(t, embedded(t)) })
	t.Run("real", func(t *testing.T) {
		s := Start(t, Options{})
		run(t, &Backend{Addr: s.Addr(), URL: s.URL(), Server: s})
	})
}

func embedded(tb testing.TB) *Backend {
	tb.Helper()
	m := miniredis.NewMiniRedis()
	m.ClockTTL(true)
	if err := m.StartAddr(net.JoinHostPort(host, "0")); err != nil {
		tb.Fatalf("redistest: start the embedded Redis: %v", err)
	}
	tb.Cleanup(m.Close)
	// FastForward is used because SetTime would stop the clock, and keys with a short time to live would not expire.
	return &Backend{Addr: m.Addr(), URL: "redis://" + m.Addr(), Advance: m.FastForward}
}

// Conn returns a connection with which a test reads keys. It is closed when the test ends. If the server is paused, its
// commands fail after a minute.
func Conn(tb testing.TB, addr string, options ...redis.DialOption) redis.Conn {
	tb.Helper()
	limits := []redis.DialOption{
		redis.DialConnectTimeout(time.Minute), redis.DialReadTimeout(time.Minute), redis.DialWriteTimeout(time.Minute),
	}
	c, err := redis.Dial("tcp", addr, append(limits, options...)...)
	if err != nil {
		tb.Fatalf("redistest: dial %s: %v", addr, err)
	}
	tb.Cleanup(func() { _ = c.Close() })
	return c
}
