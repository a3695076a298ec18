package main

import (
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"smsession/internal/redistest"
)

// caddyDrain is three questions of Caddy's, as many as the shipped file promises.
const caddyDrain = "DRAIN_DELAY=3s"

// TestRollingAllReplicasBehindCaddyDropsNothing sends to /sms alone, and nothing a second time.
func TestRollingAllReplicasBehindCaddyDropsNothing(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	f := startFleet(t, server, caddyDrain)
	c := startCaddy(t, f, caddyOptions{site: "http"})
	l := startLoad(func(s *sender, sid, cookie string) reply { return s.deliver(c.plain, "/sms", sid, cookie) })
	for _, r := range f.replicas {
		waitForTraffic(t, r)
		r.signal(syscall.SIGTERM)
		if status := r.wait(); status != 0 {
			t.Errorf("exit status %d:\n%s", status, r.log())
		}
		successor(t, server, r, caddyDrain)
	}
	messages, slowest := l.finish()
	l.check(t, f)
	t.Logf("%d messages over 3 restarts, the slowest took %v", messages, slowest.Round(time.Millisecond))
}

// TestRollingWithoutWhatTheCaddyfileAsksDropsMessages is the control: the same file without its health checks, and
// without taking out a replica that fails.
func TestRollingWithoutWhatTheCaddyfileAsksDropsMessages(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	f := startFleet(t, server, caddyDrain)
	c := startCaddy(t, f, caddyOptions{site: "http", edit: func(file string) string {
		return withoutLines(file, "health_", "max_fails", "fail_duration")
	}})
	l := startLoad(func(s *sender, sid, cookie string) reply { return s.deliver(c.plain, "/sms", sid, cookie) })
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
			if r.status != http.StatusOK {
				n++
			}
		}
	}
	return n
}

// TestAReplicaThatIsKilledBehindCaddyCostsNoMessage sends as Twilio does: what the webhook does not answer goes to the
// fallback URL, once. Only a message that was under way in the killed replica may need that.
func TestAReplicaThatIsKilledBehindCaddyCostsNoMessage(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	f := startFleet(t, server)
	c := startCaddy(t, f, caddyOptions{site: "http"})
	var mu sync.Mutex
	saved := 0
	l := startLoad(func(s *sender, sid, cookie string) reply {
		r := s.deliver(c.plain, "/sms", sid, cookie)
		if r.status != http.StatusOK {
			r = s.deliver(c.plain, "/sms/fallback", sid, cookie)
			mu.Lock()
			saved++
			mu.Unlock()
		}
		return r
	})
	for _, r := range f.replicas[:2] {
		waitForTraffic(t, r)
		r.kill()
		successor(t, server, r)
	}
	messages, slowest := l.finish()
	l.check(t, f)
	if saved > 2*talks*lanes { // all that were under way, twice
		t.Errorf("%d messages needed the fallback URL", saved)
	}
	t.Logf("%d messages over 2 kills, the slowest took %v; %d came by the fallback URL", messages, slowest.Round(time.Millisecond), saved)
}
