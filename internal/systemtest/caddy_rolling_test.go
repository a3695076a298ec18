package systemtest

import (
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"smsession/internal/webhooktest"

	"smsession/internal/redistest"
)

// caddyDrain is three questions of Caddy's, as many as the shipped file promises.
const caddyDrain = "DRAIN_DELAY=3s"

// TestRollingAllReplicasBehindCaddyDropsNothing sends to /sms alone, and nothing a second time.
func TestRollingAllReplicasBehindCaddyDropsNothing(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	f := startFleet(t, server, caddyDrain)
	c := startCaddy(t, f, caddyOptions{site: "http"})
	l := startLoad(t, func(s *sender, sid, cookie string) reply { return s.deliver(c.plain, "/sms", sid, cookie) })
	for _, r := range f.replicas {
		waitForTraffic(t, r)
		r.signal(syscall.SIGTERM)
		if status := r.wait(); status != 0 {
			t.Errorf("exit status %d:\n%s", status, r.stderr())
		}
		successor(t, server, r, caddyDrain)
	}
	messages, slowest := l.finish()
	l.check(t, f)
	t.Logf("%d messages over 3 restarts, the slowest took %v", messages, slowest.Round(time.Millisecond))
}

// TestRollingWithoutWhatTheCaddyfileAsksDropsMessages is the control: the same file without its health checks and its
// second tries.
func TestRollingWithoutWhatTheCaddyfileAsksDropsMessages(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	f := startFleet(t, server, caddyDrain)
	c := startCaddy(t, f, caddyOptions{site: "http", edit: func(file string) string {
		return withoutLines(file, "health_", "lb_try_")
	}})
	l := startLoad(t, func(s *sender, sid, cookie string) reply { return s.deliver(c.plain, "/sms", sid, cookie) })
	for _, r := range f.replicas {
		waitForTraffic(t, r)
		r.signal(syscall.SIGTERM)
		r.wait()
		successor(t, server, r, caddyDrain)
	}
	l.finish()
	dropped := l.failures()
	if dropped == 0 {
		t.Error("no message was dropped: the load would not notice")
	}
	t.Logf("%d messages were dropped", dropped)
}

// failures is how many deliveries were not answered with 200.
func (l *traffic) failures() (n int) {
	for _, one := range l.talks {
		for _, r := range one.replies {
			if r.Status != http.StatusOK {
				n++
			}
		}
	}
	return n
}

// TestAReplicaThatIsKilledBehindCaddyCostsNoMessage sends as Twilio does: what the webhook does not answer goes to the
// fallback URL, once. Only a message that was in progress in the killed replica may need that. A process that is killed
// closes its connections and its listener within milliseconds, which is faster than Twilio's next request.
func TestAReplicaThatIsKilledBehindCaddyCostsNoMessage(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	f := startFleet(t, server)
	c := startCaddy(t, f, caddyOptions{site: "http"})
	var saved, atFallback atomic.Int64
	var dying atomic.Pointer[replica]
	l := startLoad(t, func(s *sender, sid, cookie string) reply {
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
		successor(t, server, r)
		webhooktest.Wait(t, "the replies of messages that met the killed replica", func() bool { return atFallback.Load() == 0 })
	}
	messages, slowest := l.finish()
	l.check(t, f)
	if saved.Load() > 2*talks*lanes { // all that were in progress, twice
		t.Errorf("%d messages needed the fallback URL", saved.Load())
	}
	t.Logf("%d messages over 2 kills, the slowest took %v; %d came by the fallback URL", messages, slowest.Round(time.Millisecond), saved.Load())
}
