package redistest

import (
	"net"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
)

// StartRelay starts an embedded Redis that understands only what a proxy for many servers can pass on, as Envoy and
// twemproxy do: PING, and commands and scripts that have a key. Everything else is answered with an error or, if hangUp, by
// ending the connection. It returns the address.
func StartRelay(tb testing.TB, hangUp bool) string {
	tb.Helper()
	m := miniredis.NewMiniRedis()
	m.ClockTTL(true)
	if err := m.StartAddr(net.JoinHostPort(host, "0")); err != nil {
		tb.Fatalf("redistest: start the relay: %v", err)
	}
	tb.Cleanup(m.Close)
	m.Server().SetPreHook(func(c *server.Peer, command string, args ...string) bool {
		if hasKey(strings.ToUpper(command), args) {
			return false
		}
		if hangUp {
			c.Close()
		} else {
			c.WriteError("ERR unsupported command") // Envoy's words
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
