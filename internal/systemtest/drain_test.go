package systemtest

import (
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

// rollingRestart ends one replica of a fleet after the other with SIGTERM, under traffic, and replaces each. It returns
// the violations, and whether the balancer noticed each drain before the replica closed its listener.
type rollingRestart func(t *testing.T, delay time.Duration) (violations []string, inTime bool)

// tryDelays runs a rolling restart with longer and longer drain delays, until the balancer notices each drain in time.
// On a busy machine, a balancer can miss a short drain. Its requests are then lost, and that is not the replica's
// fault.
func tryDelays(t *testing.T, restart rollingRestart, delays ...time.Duration) {
	t.Helper()
	for _, delay := range delays {
		violations, inTime := restart(t, delay)
		if inTime {
			report(t, violations)
			return
		}
		t.Logf("the balancer did not notice every drain within %v", delay)
	}
	t.Error("the balancer never notices a drain in time")
}

func TestRollingRestart(t *testing.T) {
	t.Parallel()
	tryDelays(t, func(t *testing.T, delay time.Duration) ([]string, bool) {
		setting := "DRAIN_DELAY=" + delay.String()
		server := redistest.Start(t, redistest.Options{})
		f := startFleet(t, server, setting)
		b := startBalancer(t, f)
		l := startTraffic(t, func(s *sender, sid, cookie string) reply { return s.deliver(b.url, "/sms", sid, cookie) })
		inTime := true
		for _, r := range f.replicas {
			l.waitForReplies()
			inTime = drain(t, r, func() bool { return !b.isReady(r) }) && inTime
			b.replace(r, startReplica(t, server.URL(), setting))
		}
		l.waitForReplies()
		messages, slowest := l.finish()
		for _, r := range f.replicas {
			if r.answered("continued") == 0 {
				t.Error("a replica got no messages from the balancer")
			}
		}
		t.Logf("%d messages, 3 restarts, the slowest message took %v", messages, slowest.Round(time.Millisecond))
		return l.violations(f), inTime
	}, time.Second, 5*time.Second, time.Minute)
}

// drain ends a replica with SIGTERM. Until the replica closes its listener, drain sends messages to it directly, like a
// balancer that has not noticed the drain. It reports whether noticed returned true before the listener was closed.
func drain(t *testing.T, r *replica, noticed func() bool) (inTime bool) {
	t.Helper()
	s := newSender(t)
	s.To = "+15005550009" // a conversation that is not part of the traffic
	r.signal(syscall.SIGTERM)
	webhooktest.Wait(t, "the drain", func() bool {
		word, _, err := r.readiness()
		return err != nil || word == "draining"
	})
	for answered := 0; ; {
		seen := noticed()
		got, err := s.Send(r.url, "/sms", webhooktest.NewSID(), "")
		if err != nil {
			break // the listener is closed
		}
		inTime = inTime || seen
		answered++
		if number(got.Text()) != answered || !got.Closes {
			t.Errorf("message %d during the drain gets %q, Connection: close is %t", answered, got.Text(), got.Closes)
		}
		time.Sleep(20 * time.Millisecond)
	}
	if status := r.wait(); status != 0 {
		t.Errorf("exit status %d:\n%s", status, r.stderr())
	}
	return inTime
}

// TestMessageDuringDrain stops Redis, so that a message waits when the signal comes.
func TestMessageDuringDrain(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	rows := []struct {
		name, delay string
		wait        func(r *replica) // until Redis answers again
	}{
		{"a message is answered during the drain", "DRAIN_DELAY=1m", func(r *replica) { r.waitFor("draining", http.StatusServiceUnavailable) }},
		{"a message is answered after the listeners are closed", "DRAIN_DELAY=0s", waitClosed},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			r := startReplica(t, server.URL(), row.delay)
			server.Pause()
			replies := make(chan reply, 1)
			go func() { replies <- newSender(t).deliver(r.url, "/sms", webhooktest.NewSID(), "") }()
			waitForMetric(t, r, "smsession_messages_in_progress", 1)
			r.signal(syscall.SIGTERM)
			row.wait(r)
			server.Resume()
			got := <-replies
			report(t, checkCounts([]reply{got}, 1, 1))
			if !got.Closes {
				t.Error("the reply does not close its connection")
			}
			if row.delay == "DRAIN_DELAY=0s" {
				if status := r.wait(); status != 0 {
					t.Errorf("exit status %d:\n%s", status, r.stderr())
				}
			}
		})
	}
}

// waitClosed waits until a replica refuses connections.
func waitClosed(r *replica) {
	r.tb.Helper()
	webhooktest.Wait(r.tb, "the replica to close its listener", func() bool {
		conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
}

// TestWithoutDrain is the negative control: a replica that closes its listener at once loses the messages that the
// balancer still sends to it.
func TestWithoutDrain(t *testing.T) {
	f := startFleet(t, redistest.Start(t, redistest.Options{}), "DRAIN_DELAY=0s")
	b := startBalancer(t, f)
	l := startTraffic(t, func(s *sender, sid, cookie string) reply { return s.deliver(b.url, "/sms", sid, cookie) })
	l.waitForReplies()
	b.stopPolls() // the interval between two polls
	f.replicas[0].signal(syscall.SIGTERM)
	f.replicas[0].wait()
	l.waitForReplies()
	l.finish()
	if l.failures() == 0 {
		t.Error("no message was lost: the traffic or the balancer would not notice a loss")
	}
}
