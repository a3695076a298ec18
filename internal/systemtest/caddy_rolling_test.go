package systemtest

import (
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

// TestRollingRestartBehindCaddy sends only to /sms, and sends nothing a second time.
func TestRollingRestartBehindCaddy(t *testing.T) {
	t.Parallel()
	tryDelays(t, func(t *testing.T, delay time.Duration) ([]string, bool) {
		setting := "DRAIN_DELAY=" + delay.String()
		server := redistest.Start(t, redistest.Options{})
		f := startFleet(t, server, setting)
		c := startCaddy(t, f, caddyOptions{site: "http"})
		l := startTraffic(t, func(s *sender, sid, cookie string) reply {
			return s.deliver(c.plain, "/sms", sid, cookie)
		})
		inTime := true
		for i, r := range f.replicas {
			waitForTraffic(t, r)
			inTime = drainBehindCaddy(t, f, r) && inTime
			f.replicas[i] = replaceBehindCaddy(t, server, r, setting)
		}
		messages, slowest := l.finish()
		t.Logf("%d messages, 3 restarts, the slowest message took %v", messages, slowest.Round(time.Millisecond))
		return l.violations(f), inTime
	}, 3*time.Second, 10*time.Second, time.Minute) // Caddy checks once a second
}

// drainBehindCaddy ends a replica with SIGTERM. It reports whether Caddy has stopped sending messages to the replica
// before the replica is gone: a replica that is in use would have got some of the next 200 messages.
func drainBehindCaddy(t *testing.T, f *fleet, r *replica) (inTime bool) {
	t.Helper()
	others := func() (sum int) {
		for one, n := range continued(f) {
			if one != r {
				sum += n
			}
		}
		return sum
	}
	r.signal(syscall.SIGTERM)
	for last, since := -1, 0; ; time.Sleep(10 * time.Millisecond) {
		select {
		case <-r.exited:
			if status := r.wait(); status != 0 {
				t.Errorf("exit status %d:\n%s", status, r.stderr())
			}
			return inTime
		default:
		}
		switch n := r.answered("continued"); {
		case n != last:
			last, since = n, others()
		case others()-since > 200:
			inTime = true
		}
	}
}

// TestRollingRestartWithoutChecks is the negative control: the Caddyfile without its health checks and
// without its second attempts.
func TestRollingRestartWithoutChecks(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	f := startFleet(t, server)
	c := startCaddy(t, f, caddyOptions{site: "http", edit: func(file string) string {
		return withoutLines(file, "health_", "lb_try_")
	}})
	l := startTraffic(t, func(s *sender, sid, cookie string) reply { return s.deliver(c.plain, "/sms", sid, cookie) })
	waitForTraffic(t, f.replicas[0])
	f.replicas[0].signal(syscall.SIGTERM)
	f.replicas[0].wait()
	l.waitForReplies()
	l.finish()
	if l.failures() == 0 {
		t.Error("no message was lost: the traffic would not notice a loss")
	}
}

// TestReplicaCrashBehindCaddy sends as Twilio does: a message that gets no reply is sent to the fallback URL once. Only
// messages that were in progress at the killed replica may need that. A killed process closes its connections and its
// listener within milliseconds, which is faster than Twilio's next request.
func TestReplicaCrashBehindCaddy(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	f := startFleet(t, server)
	c := startCaddy(t, f, caddyOptions{site: "http"})
	var saved, atFallback atomic.Int64
	var dying atomic.Pointer[replica]
	l := startTraffic(t, func(s *sender, sid, cookie string) reply {
		r := s.deliver(c.plain, "/sms", sid, cookie)
		if r.Status != http.StatusOK {
			atFallback.Add(1)
			if killed := dying.Load(); killed != nil {
				<-killed.exited
			}
			r = s.deliver(c.plain, "/sms/fallback", sid, cookie)
			saved.Add(1)
			atFallback.Add(-1)
		}
		return r
	})
	for _, r := range f.replicas[:2] {
		waitForTraffic(t, r)
		dying.Store(r)
		r.kill()
		replaceBehindCaddy(t, server, r)
		webhooktest.Wait(t, "the replies from the fallback URL", func() bool { return atFallback.Load() == 0 })
	}
	messages, slowest := l.finish()
	l.check(t, f)
	if saved.Load() > 2*conversations*lanes { // all that were in progress, twice
		t.Errorf("%d messages needed the fallback URL", saved.Load())
	}
	t.Logf("%d messages, 2 crashes, the slowest message took %v; %d messages were sent to the fallback URL",
		messages, slowest.Round(time.Millisecond), saved.Load())
}
