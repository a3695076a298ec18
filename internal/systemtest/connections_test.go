package systemtest

import (
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

func TestRedisConnections(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	f := &fleet{tb: t, replicas: []*replica{startReplica(t, server.URL(), "REDIS_CONNECTIONS=2")}}
	if n := sum(scrape(t, f.replicas[0]), "smsession_redis_connections_max"); n != 2 {
		t.Errorf("messages may use %v connections, want 2", n)
	}
	t.Run("are shared by all messages", func(t *testing.T) {
		for _, r := range concurrently(32,
			func(int) reply { return newSender(t).deliver(f.next(), "/sms", webhooktest.NewSID(), "") }) {
			if r.Status != 200 || r.Text() != webhooktest.Greeting(1) {
				t.Errorf("a message gets %d %q", r.Status, r.Text())
			}
		}
		if n := sum(scrape(t, f.replicas[0]),
			"smsession_redis_connections"); n > 2+4 { // four more for the readiness check
			t.Errorf("%v connections are open, want at most 6", n)
		}
	})
}

func TestRedisOnAUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "my redis.sock")
	redistest.Start(t, redistest.Options{Password: "secret", Args: []string{"--unixsocket", path}})
	address := url.URL{Scheme: "redis+unix", User: url.UserPassword("", "secret"), Path: path, RawQuery: "db=3"}
	r := startReplica(t, address.String())
	if got := newSender(t).deliver(r.url, "/sms", webhooktest.NewSID(), ""); got.Text() != webhooktest.Greeting(1) {
		t.Errorf("a message gets %d %q", got.Status, got.Text())
	}
	t.Run("is named if it refuses us", func(t *testing.T) {
		address.User = url.UserPassword("", "wrong")
		refused := execute(t, []string{"serve"}, serviceSettings(address.String())...)
		if refused.status != 1 || !strings.Contains(refused.stderr, "the Redis at "+path+" refuses us") {
			t.Errorf("exit status %d, the log is\n%s", refused.status, refused.stderr)
		}
	})
}
