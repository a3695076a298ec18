package main

import (
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"smsession/internal/redistest"
)

func TestRedisConnections(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	f := &fleet{tb: t, replicas: []*replica{startReplica(t, server.URL(), "REDIS_CONNECTIONS=2")}}
	if n := sum(scrape(t, f.replicas[0]), "smsession_redis_connections_max"); n != 2 {
		t.Errorf("a replica reports that messages may use %v connections, want 2", n)
	}
	t.Run("are shared by the messages", func(t *testing.T) {
		for _, r := range together(32, func(int) reply { return newSender().deliver(f.any(), "/sms", newSID(), "") }) {
			if r.status != 200 || r.text() != greeting(1) {
				t.Errorf("a message was answered %d %q", r.status, r.text())
			}
		}
		if n := sum(scrape(t, f.replicas[0]), "smsession_redis_connections"); n > 2+4 {
			t.Errorf("%v connections are open, want at most 2 and four more", n)
		}
	})
}

func TestRedisOnAUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "my redis.sock")
	redistest.Start(t, redistest.Options{Password: "secret", Args: []string{"--unixsocket", path}})
	address := url.URL{Scheme: "redis+unix", User: url.UserPassword("", "secret"), Path: path, RawQuery: "db=3"}
	r := startReplica(t, address.String())
	if got := newSender().deliver(r.url, "/sms", newSID(), ""); got.text() != greeting(1) {
		t.Errorf("a message was answered %d %q", got.status, got.text())
	}
	t.Run("is named when it refuses us", func(t *testing.T) {
		address.User = url.UserPassword("", "wrong")
		refused := launch(t, "smsession", []string{"serve"}, serviceSettings(address.String()))
		<-refused.exited
		if log := refused.log(); !strings.Contains(log, "the Redis at "+path+" refuses us") {
			t.Errorf("the log is\n%s", log)
		}
	})
}
