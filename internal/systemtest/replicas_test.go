package systemtest

import (
	"fmt"
	"testing"
	"time"

	"smsession/internal/webhooktest"

	"smsession/internal/redistest"
)

// impatient replicas give a message up soon after Redis's WAIT has fallen short once. What is to be answered goes to a
// patient one, since the machine may be busy.
const impatient = "REQUEST_BUDGET=1500ms"

// behind is a replica of the program that waits for so many Redis replicas of its Redis.
func behind(t *testing.T, s *redistest.Sentinels, wait int, settings ...string) *replica {
	t.Helper()
	return startReplica(t, s.Primary.URL(), append(settings, fmt.Sprint("REDIS_WAIT_REPLICAS=", wait))...)
}

// TestAnAnswerWaitsForTheReplica stops the Redis replica, so that whether it has a commit is not known.
func TestAnAnswerWaitsForTheReplica(t *testing.T) {
	s := redistest.StartSentinels(t, 1, 0, redistest.Options{})
	patient, soon := behind(t, s, 1), behind(t, s, 1, impatient)
	f := &fleet{tb: t, redis: redistest.Conn(t, s.Primary.Addr())}
	one := newSender(t)
	first := one.deliver(patient.url, "/sms", webhooktest.NewSID(), "")
	sid := webhooktest.NewSID()
	steps := []struct {
		name    string
		stopped bool // then it goes to the impatient one
		route   string
		status  int
		text    string
	}{
		{"a message is not answered while the replica is stopped", true, "/sms", 503, ""},
		{"nor is it when it comes again", true, "/sms", 503, ""},
		{"it is answered, and counted once, when the replica goes on", false, "/sms", 200, webhooktest.Greeting(2)},
		{"a repeat of what was answered waits as well", true, "/sms", 503, ""},
		{"the fallback URL does not wait longer, and apologizes", true, "/sms/fallback", 200, ""},
		{"the repeat gets the same answer afterwards", false, "/sms/fallback", 200, webhooktest.Greeting(2)},
	}
	if first.Text() != webhooktest.Greeting(1) {
		t.Fatalf("the first message got %q", first.Text())
	}
	for _, step := range steps {
		server := patient
		if step.stopped {
			server = soon
			s.Replicas[0].Pause()
		}
		r := one.deliver(server.url, step.route, sid, first.Cookie)
		s.Replicas[0].Resume()
		if r.Status != step.status || step.text != "" && r.Text() != step.text || step.text == "" && number(r.Text()) != 0 {
			t.Errorf("%s: got %q, want %d %q", step.name, r.Text(), step.status, step.text)
		}
	}
	if got := f.recorded(one); got != 2 {
		t.Errorf("the record says %d, want 2", got)
	}
	t.Run("a replica that stops for less than the budget costs a delay", func(t *testing.T) {
		s.Replicas[0].Pause()
		third := make(chan reply, 1)
		go func() { third <- one.deliver(patient.url, "/sms", webhooktest.NewSID(), first.Cookie) }()
		awaitMetric(t, patient, "smsession_messages_in_progress", 1)
		awaitTrips(t, patient)
		if len(third) > 0 {
			t.Error("it was answered while no replica had it")
		}
		s.Replicas[0].Resume()
		if r := <-third; r.Text() != webhooktest.Greeting(3) {
			t.Errorf("got %q", r.Text())
		}
	})
}

// TestOnlyWaitingKeepsWhatWasAnswered lets the primary count a message that its replica never gets, and die. Who does not
// wait has answered it: that is the negative control.
func TestOnlyWaitingKeepsWhatWasAnswered(t *testing.T) {
	for wait, name := range []string{"who does not wait loses a message that was answered", "who waits has not answered it"} {
		t.Run(name, func(t *testing.T) {
			s := redistest.StartSentinels(t, 1, 0, redistest.Options{})
			before := behind(t, s, wait)
			one := newSender(t)
			first := one.deliver(before.url, "/sms", webhooktest.NewSID(), "")
			if first.Text() != webhooktest.Greeting(1) {
				t.Fatalf("the first message got %q", first.Text())
			}
			if wait > 0 {
				before = behind(t, s, wait, impatient)
			}
			replica := s.Replicas[0]
			awaitEqual(t, s.Primary, replica)
			replica.CLI("REPLICAOF", "127.0.0.1", "1") // cut off, with what it has
			second := one.deliver(before.url, "/sms", webhooktest.NewSID(), first.Cookie)
			if answered := second.Text() == webhooktest.Greeting(2); answered != (wait == 0) {
				t.Errorf("the second message got %q", second.Text())
			}
			s.Primary.Kill()
			replica.CLI("REPLICAOF", "NO", "ONE")
			after := startReplica(t, replica.URL())
			third := one.deliver(after.url, "/sms", webhooktest.NewSID(), first.Cookie)
			if third.Text() != webhooktest.Greeting(2) {
				t.Errorf("the message after the failover got %q: the replica had got what it cannot have", third.Text())
			}
		})
	}
}

func awaitEqual(t *testing.T, primary, replica *redistest.Server) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if replica.CLI("DBSIZE") == primary.CLI("DBSIZE") {
			return
		}
	}
	t.Fatal("the replica does not get what the primary has")
}
