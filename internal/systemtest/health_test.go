package systemtest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"smsession/internal/redistest"
)

// Another server may listen where a replica is expected.
func TestHealthEscapesTheAnswer(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "ready\x1b[2J\u009b2J\u202e")
	}))
	defer other.Close()
	if h := execute(t, []string{"health", "--url=" + other.URL}); h.status != 0 ||
		strings.TrimSpace(h.stdout) != `ready\x1b[2J\u009b2J\u202e` {
		t.Errorf("exit status %d, %q", h.status, h.stdout)
	}
}

// TestHealth runs the command as the health check of a container does.
func TestHealth(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	ready := startReplica(t, server.URL()) // stays ready for 10 s without Redis, which is enough on a busy machine
	if h := execute(t, []string{"health", "--url=" + ready.operator() + "/readyz"}); h.status != 0 ||
		strings.TrimSpace(h.stdout) != "ready" {
		t.Errorf("a ready replica: exit status %d, %q, %q", h.status, h.stdout, h.stderr)
	}
	r := startReplica(t, server.URL(), "REQUEST_BUDGET=1s")
	url := "--url=" + r.operator() + "/readyz"
	server.Kill()
	r.waitFor("redis", http.StatusServiceUnavailable)
	if h := execute(t, []string{"health", url}); h.status != 1 ||
		!strings.Contains(h.stderr, `not ready: 503 "redis"`) || h.stdout != "" {
		t.Errorf("a replica without Redis: exit status %d, %q, %q", h.status, h.stdout, h.stderr)
	}
	r.kill()
	if h := execute(t, []string{"health", url}); h.status != 1 || strings.Count(h.stderr, "\n") > 0 || h.stderr == "" {
		t.Errorf("no replica: exit status %d, %q", h.status, h.stderr)
	}
}
