package redistest

import (
	"net"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/gomodule/redigo/redis"
)

// Backend is one kind of Redis that a test runs over, fresh and empty.
type Backend struct {
	// Name is "embedded" or "real".
	Name string
	// Addr is host:port.
	Addr string
	// URL is the same as a redis:// URL.
	URL string
	// Advance makes every key d older. What it does not leave is gone. The clock that TIME tells stays where it is, so
	// that it goes on agreeing with the clock of the code under test. It is nil for the real Redis, whose clock cannot
	// be moved; see [Server.Age] for the nearest thing.
	Advance func(d time.Duration)
	// Server is the process of the real Redis, and nil for the embedded one.
	Server *Server
}

// Each runs a test once over the embedded Redis and once over a real one, as subtests of these names.
func Each(t *testing.T, run func(t *testing.T, b *Backend)) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) { run(t, embedded(t)) })
	t.Run("real", func(t *testing.T) {
		s := Start(t, Options{})
		run(t, &Backend{Name: "real", Addr: s.Addr(), URL: s.URL(), Server: s})
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
	return &Backend{
		Name: "embedded",
		Addr: m.Addr(),
		URL:  "redis://" + m.Addr(),
		// Not SetTime: it would stop the clock for good, and short times to live with it.
		Advance: m.FastForward,
	}
}

// Conn returns a plain connection for looking at keys, closed when the test ends. It has time limits, so that a paused
// server fails the test instead of hanging it.
func Conn(tb testing.TB, addr string, options ...redis.DialOption) redis.Conn {
	tb.Helper()
	limits := []redis.DialOption{
		redis.DialConnectTimeout(5 * time.Second),
		redis.DialReadTimeout(10 * time.Second),
		redis.DialWriteTimeout(10 * time.Second),
	}
	c, err := redis.Dial("tcp", addr, append(limits, options...)...)
	if err != nil {
		tb.Fatalf("redistest: dial %s: %v", addr, err)
	}
	tb.Cleanup(func() { _ = c.Close() })
	return c
}
