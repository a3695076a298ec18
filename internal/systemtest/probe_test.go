package systemtest

import (
	"net/http"
	"strings"
	"testing"

	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

func TestRedisBehindProxy(t *testing.T) {
	for name, hangUp := range map[string]bool{"a proxy that refuses HELLO and scripts without keys": false, "a proxy that closes the connection instead": true} {
		t.Run(name, func(t *testing.T) {
			r := startReplica(t, "redis://"+redistest.StartRelay(t, hangUp))
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
	} {
		t.Run(row.name, func(t *testing.T) {
			server := redistest.Start(t, redistest.Options{Args: row.user})
			r := execute(t, []string{"serve"}, serviceSettings("redis://"+narrowLogin+server.Addr())...)
			printed := sentences(r.stderr)
			if status := r.status; status != 1 || len(printed) != 1 || !strings.Contains(printed[0], "NOPERM") || !strings.Contains(printed[0], row.want) {
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
	webhooktest.Wait(t, "a reply", func() bool { return number(s.deliver(r.url, "/sms", webhooktest.NewSID(), "").Text()) > 0 })
}
