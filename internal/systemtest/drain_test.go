package systemtest

import (
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"smsession/internal/webhooktest"

	"smsession/internal/redistest"
)

// drainDelay is twenty polls of the balancer's, for machines that do not get round to each.
const drainDelay = "DRAIN_DELAY=2s"

// TestARollingRestartDropsNothing ends the replicas one after the other, under load behind a balancer.
func TestARollingRestartDropsNothing(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	f := startFleet(t, server, drainDelay)
	b := startBalancer(t, f)
	l := startLoad(t, func(s *sender, sid, cookie string) reply { return s.deliver(b.url, "/sms", sid, cookie) })
	direct := 0
	for _, r := range f.replicas {
		time.Sleep(time.Second)
		direct += drain(t, r)
		next := startReplica(t, server.URL(), drainDelay)
		b.replace(r, next)
	}
	time.Sleep(time.Second)
	messages, slowest := l.finish()
	for _, r := range f.replicas {
		if r.answered("continued") == 0 {
			t.Error("a replica got no messages from the balancer")
		}
	}
	l.check(t, f)
	t.Logf("%d messages over 3 restarts, the slowest took %v; %d messages straight to a draining replica",
		messages, slowest.Round(time.Millisecond), direct)
}

// drain ends a replica with SIGTERM and talks to it, past the balancer, until it is gone. It returns how many of those
// messages were answered.
func drain(t *testing.T, r *replica) (answered int) {
	t.Helper()
	s := newSender(t)
	s.To = "+15005550009" // no conversation of the load
	r.signal(syscall.SIGTERM)
	r.waitFor("draining", http.StatusServiceUnavailable)
	for {
		got, err := s.Send(r.url, "/sms", webhooktest.NewSID(), "")
		if err != nil {
			break // the listener is closed
		}
		answered++
		if number(got.Text()) != answered || !got.Closes {
			t.Errorf("the %d. message during the drain got %q, Connection: close is %t", answered, got.Text(), got.Closes)
		}
		time.Sleep(20 * time.Millisecond)
	}
	if answered == 0 {
		t.Error("a draining replica took no message: it closed its listener at once")
	}
	if status := r.wait(); status != 0 {
		t.Errorf("exit status %d:\n%s", status, r.stderr())
	}
	return answered
}

// TestAMessageUnderWayIsAnswered has a message wait for Redis when the signal comes.
func TestAMessageUnderWayIsAnswered(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	rows := []struct {
		name, delay string
		wait        func(r *replica) // until Redis comes back
	}{
		{"during the drain", drainDelay, func(r *replica) { r.waitFor("draining", http.StatusServiceUnavailable) }},
		{"after the listeners are closed", "DRAIN_DELAY=0s", waitClosed},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			r := startReplica(t, server.URL(), row.delay)
			server.Pause()
			answers := make(chan reply, 1)
			go func() { answers <- newSender(t).deliver(r.url, "/sms", webhooktest.NewSID(), "") }()
			awaitMetric(t, r, "smsession_messages_in_progress", 1)
			r.signal(syscall.SIGTERM)
			row.wait(r)
			server.Resume()
			got := <-answers
			report(t, uncounted([]reply{got}, 1, 1))
			if !got.Closes {
				t.Error("the answer does not close its connection")
			}
			if status := r.wait(); status != 0 {
				t.Errorf("exit status %d:\n%s", status, r.stderr())
			}
		})
	}
}

// waitClosed waits until a replica refuses connections.
func waitClosed(r *replica) {
	for deadline := time.Now().Add(10 * time.Second); ; {
		conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
		if err != nil {
			return
		}
		conn.Close()
		if time.Now().After(deadline) {
			r.tb.Error("the replica goes on listening")
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestWithoutADelayMessagesAreDropped is the control: a replica that stops listening at once takes messages with it that
// the balancer, which asks now and then, still sends there.
func TestWithoutADelayMessagesAreDropped(t *testing.T) {
	f := startFleet(t, redistest.Start(t, redistest.Options{}), "DRAIN_DELAY=0s")
	b := startBalancer(t, f)
	l := startLoad(t, func(s *sender, sid, cookie string) reply { return s.deliver(b.url, "/sms", sid, cookie) })
	for _, r := range f.replicas[1:] {
		time.Sleep(500 * time.Millisecond)
		r.signal(syscall.SIGTERM)
		r.wait()
	}
	l.finish()
	dropped := 0
	for _, one := range l.talks {
		for _, r := range one.replies {
			if r.Status != http.StatusOK {
				dropped++
			}
		}
	}
	if dropped == 0 {
		t.Error("no message was dropped: the load or the balancer would not notice")
	}
	t.Logf("%d messages were dropped", dropped)
}
