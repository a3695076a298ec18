package systemtest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"

	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

// startRelay starts an embedded Redis that understands only what a proxy for many servers, such as Envoy or twemproxy,
// can pass on: PING, and commands and scripts that have a key. It answers any other command with an error or, if hangUp
// is true, by closing the connection. It returns the address.
func startRelay(t *testing.T, hangUp bool) string {
	t.Helper()
	m := miniredis.RunT(t)
	m.ClockTTL(true)
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
	case "PING", "GET", "SET", "DEL", "TYPE", "STRLEN", "RENAME", "PEXPIRE", "PTTL", "GETRANGE",
		"SETRANGE", "GETEX":
		return true
	}
	return false
}

func TestRedisBehindProxy(t *testing.T) {
	for name, hangUp := range map[string]bool{"a proxy that refuses HELLO and scripts without keys": false,
		"a proxy that closes the connection instead": true} {
		t.Run(name, func(t *testing.T) {
			r := startReplica(t, "redis://"+startRelay(t, hangUp))
			report(t, checkCounts([]reply{newSender(t).deliver(r.url, "/sms", webhooktest.NewSID(), "")}, 1, 1))
		})
	}
}

func TestStartFailsWithoutRights(t *testing.T) {
	for _, row := range []struct {
		name string
		user []string
		want string
	}{
		{"a user for the keys of another prefix", narrow("resetkeys", "~other:*"), "sms:probe"},
		{"a user who may not SET", narrow("+strlen", "-set"), "'set'"},
		{"a user who may not compare a record", narrow("-getrange"), "'getrange'"},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := redistest.Start(t, redistest.Options{Args: row.user})
			r := execute(t, []string{"serve"}, serviceSettings("redis://"+narrowLogin+server.Addr())...)
			printed := sentences(r.stderr)
			if status := r.status; status != 1 || len(printed) != 1 || !strings.Contains(printed[0], "NOPERM") ||
				!strings.Contains(printed[0], row.want) {
				t.Errorf("exit status %d, %q, want 1 and a sentence with %s", status, printed, row.want)
			}
		})
	}
}

// TestReadiness removes a right that every message needs from the Redis user, and then restores it.
func TestReadiness(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{Args: narrow()})
	r := startReplica(t, "redis://"+narrowLogin+server.Addr(), "REQUEST_BUDGET=1s")
	server.CLI("ACL", "SETUSER", "app", "-set")
	r.waitFor("redis", http.StatusServiceUnavailable)
	server.CLI("ACL", "SETUSER", "app", "+set")
	r.waitReady()
	s := newSender(t)
	webhooktest.Wait(t, "a reply", func() bool {
		return number(s.deliver(r.url, "/sms", webhooktest.NewSID(), "").Text()) > 0
	})
}
