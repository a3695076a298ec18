package redistest

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	"github.com/gomodule/redigo/redis"
)

// Backend is an empty Redis of one kind.
type Backend struct {
	Name string // "embedded" or "real"
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
		run(t, &Backend{Name: "real", Addr: s.Addr(), URL: s.URL(), Server: s})
	})
}

func embedded(tb testing.TB) *Backend {
	tb.Helper()
	m := startEmbedded(tb)
	// FastForward is used because SetTime would stop the clock, and keys with a short time to live would not expire.
	return &Backend{Name: "embedded", Addr: m.Addr(), URL: "redis://" + m.Addr(), Advance: m.FastForward}
}

func startEmbedded(tb testing.TB) *miniredis.Miniredis {
	tb.Helper()
	m := miniredis.NewMiniRedis()
	m.ClockTTL(true)
	if err := m.StartAddr(net.JoinHostPort(host, "0")); err != nil {
		tb.Fatalf("redistest: start the embedded Redis: %v", err)
	}
	tb.Cleanup(m.Close)
	return m
}

// StartRelay starts an embedded Redis that understands only what a proxy for many servers, such as Envoy or twemproxy,
// can pass on: PING, and commands and scripts that have a key. It answers any other command with an error or, if hangUp
// is true, by closing the connection. It returns the address.
func StartRelay(tb testing.TB, hangUp bool) string {
	tb.Helper()
	m := startEmbedded(tb)
	m.Server().SetPreHook(func(c *server.Peer, command string, args ...string) bool {
		switch {
		case hasKey(strings.ToUpper(command), args):
			return false
		case hangUp:
			c.Close()
		default:
			c.WriteError("ERR unsupported command") // the error of Envoy
		}
		return true
	})
	return m.Addr()
}

func hasKey(command string, args []string) bool {
	switch command {
	case "EVAL", "EVALSHA":
		return len(args) > 2 && args[1] != "0"
	case "PING", "GET", "SET", "DEL", "TYPE", "STRLEN", "RENAME", "PEXPIRE", "PTTL":
		return true
	}
	return false
}

// Conn returns a connection for looking at keys. It is closed when the test ends. Its time-outs make the test fail if the
// server is paused.
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
