package systemtest

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"smsession/internal/config/redisurl"
	"smsession/internal/inspect"
	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

// impatient is the setting of replicas that give up soon after a Redis replica has not confirmed a commit. Messages
// that should succeed go to a replica with the default budget.
const impatient = "REQUEST_BUDGET=1500ms"

// startWaiting starts a replica of the service that waits for Redis replicas.
func startWaiting(t *testing.T, s *redistest.Sentinels, wait int, settings ...string) *replica {
	t.Helper()
	return startReplica(t, s.Primary.URL(), append(settings, fmt.Sprint("REDIS_WAIT_REPLICAS=", wait))...)
}

// TestEndWaitsForReplicas stops the Redis replica, so that it does not confirm an end or an erasure.
func TestEndWaitsForReplicas(t *testing.T) {
	t.Parallel()
	s := redistest.StartSentinels(t, 1, 0, redistest.Options{})
	sender := newSender(t)
	sender.deliver(startWaiting(t, s, 1).url, "/sms", webhooktest.NewSID(), "")
	end := func(args ...string) result {
		return execute(t, append([]string{"end", "--yes", sender.From}, args...),
			"REDIS_URL="+s.Primary.URL(), "REDIS_WAIT_REPLICAS=1")
	}
	for _, row := range []struct {
		args              []string
		unconfirmed, then string // then is printed when the replica runs again
	}{
		{nil, "it is not known whether the conversation has ended", "had ended before"},
		{[]string{"--erase"}, "the conversation may be erased in part", "erased"},
	} {
		s.Replicas[0].Pause()
		r := end(row.args...)
		s.Replicas[0].Resume()
		if r.status != 1 || !strings.Contains(r.stderr, row.unconfirmed) {
			t.Errorf("end %v without a confirmation: exit status %d, %s%s", row.args, r.status, r.stdout, r.stderr)
		}
		if r := end(row.args...); r.status != 0 || !strings.Contains(r.stdout, row.then) {
			t.Errorf("end %v again: exit status %d, %s%s", row.args, r.status, r.stdout, r.stderr)
		}
	}
}

// A former primary has no replicas, and does not have what its successor has. Therefore it must not answer that there
// is nothing to end.
func TestNothingToEndIsConfirmed(t *testing.T) {
	t.Parallel()
	s := redistest.StartSentinels(t, 1, 0, redistest.Options{})
	url, err := redisurl.Parse(s.Primary.URL(), os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	operator := inspect.Open(url, "sms:", 1)
	defer operator.Pool.Close()
	sender := newSender(t)
	sender.deliver(startWaiting(t, s, 1).url, "/sms", webhooktest.NewSID(), "")
	for _, row := range []struct {
		name, from string
		erase      bool
		first      inspect.Outcome // of an end that is confirmed
		then       inspect.Outcome
	}{
		{"an unknown number", "+15005550001", false, inspect.NotFound, inspect.NotFound},
		{"an unknown number, erased", "+15005550001", true, inspect.NotFound, inspect.NotFound},
		{"a conversation that has ended", sender.From, false, inspect.WasEnded, inspect.EndedBefore},
	} {
		t.Run(row.name, func(t *testing.T) {
			end := func() (inspect.Ending, error) { return operator.End(t.Context(), sender.To, row.from, row.erase) }
			if e, err := end(); err != nil || e.Outcome != row.first {
				t.Fatalf("%q, %v", e.Outcome, err)
			}
			s.Replicas[0].Pause()
			e, err := end()
			s.Replicas[0].Resume()
			if err == nil || !strings.Contains(err.Error(), "too few Redis replicas have the commit: 0 of 1") {
				t.Errorf("without a replica: %q, %v", e.Outcome, err)
			}
			if e, err := end(); err != nil || e.Outcome != row.then {
				t.Errorf("with the replica again: %q, %v", e.Outcome, err)
			}
		})
	}
}

// Redis executes the end and then refuses the WAIT, so the end may not be reported as refused.
func TestEndWithoutRightToWait(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{Password: "right",
		Args: []string{"--user", "impatient", "on", ">right", "~sms:*", "+@all", "-wait"}})
	sender := newSender(t)
	sender.deliver(startReplica(t, server.URL()).url, "/sms", webhooktest.NewSID(), "")
	r := execute(t, []string{"end", "--yes", sender.From}, "REDIS_WAIT_REPLICAS=1",
		"REDIS_URL="+strings.Replace(server.URL(), ":right@", "impatient:right@", 1))
	if r.status != 1 || !strings.Contains(r.stderr, "it is not known whether the conversation has ended") ||
		!strings.Contains(r.stderr, "with REDIS_WAIT_REPLICAS also WAIT") {
		t.Errorf("exit status %d, %s%s", r.status, r.stdout, r.stderr)
	}
}

// TestWaitReplicas stops the Redis replica, so that it does not confirm a commit.
func TestWaitReplicas(t *testing.T) {
	t.Parallel()
	s := redistest.StartSentinels(t, 1, 0, redistest.Options{})
	patient, soon := startWaiting(t, s, 1), startWaiting(t, s, 1, impatient)
	f := &fleet{tb: t, redis: redistest.Conn(t, s.Primary.Addr())}
	one := newSender(t)
	first := one.deliver(patient.url, "/sms", webhooktest.NewSID(), "")
	sid := webhooktest.NewSID()
	steps := []struct {
		name    string
		stopped bool // the Redis replica is stopped, and the message goes to the impatient replica
		route   string
		status  int
		text    string
	}{
		{"a message is not answered while the Redis replica is stopped", true, "/sms", 503, ""},
		{"its repeat is not answered either", true, "/sms", 503, ""},
		{"it is answered and counted once when the Redis replica runs again", false, "/sms", 200, webhooktest.Greeting(2)},
		{"a repeat of an answered message waits, too", true, "/sms", 503, ""},
		{"the fallback URL waits no longer and apologizes", true, "/sms/fallback", 200, ""},
		{"a repeat then gets the same reply", false, "/sms/fallback", 200, webhooktest.Greeting(2)},
	}
	if first.Text() != webhooktest.Greeting(1) {
		t.Fatalf("the first message gets %q", first.Text())
	}
	for _, step := range steps {
		server := patient
		if step.stopped {
			server = soon
			s.Replicas[0].Pause()
		}
		r := one.deliver(server.url, step.route, sid, first.Cookie)
		s.Replicas[0].Resume()
		if r.Status != step.status || step.text != "" && r.Text() != step.text ||
			step.text == "" && number(r.Text()) != 0 {
			t.Errorf("%s: got %q, want %d %q", step.name, r.Text(), step.status, step.text)
		}
	}
	if got := f.counter(one); got != 2 {
		t.Errorf("the counter is %d, want 2", got)
	}
	t.Run("a Redis replica that stops for less than the budget costs only time", func(t *testing.T) {
		s.Replicas[0].Pause()
		third := make(chan reply, 1)
		go func() { third <- one.deliver(patient.url, "/sms", webhooktest.NewSID(), first.Cookie) }()
		waitForMetric(t, patient, "smsession_messages_in_progress", 1)
		waitForRoundTrips(t, patient)
		if len(third) > 0 {
			t.Error("the message was answered before a Redis replica had it")
		}
		s.Replicas[0].Resume()
		if r := <-third; r.Text() != webhooktest.Greeting(3) {
			t.Errorf("got %q", r.Text())
		}
	})
}

// TestWaitReplicasSurvivesFailover lets the primary count a message that its Redis replica never receives, and then
// kills the primary. A replica of the service that does not wait has already answered the message: the negative
// control.
func TestWaitReplicasSurvivesFailover(t *testing.T) {
	t.Parallel()
	for wait, name := range []string{"without waiting, an answered message is lost",
		"with waiting, the message is not answered"} {
		t.Run(name, func(t *testing.T) {
			s := redistest.StartSentinels(t, 1, 0, redistest.Options{})
			before := startWaiting(t, s, wait)
			one := newSender(t)
			first := one.deliver(before.url, "/sms", webhooktest.NewSID(), "")
			if first.Text() != webhooktest.Greeting(1) {
				t.Fatalf("the first message gets %q", first.Text())
			}
			if wait > 0 {
				before = startWaiting(t, s, wait, impatient)
			}
			replica := s.Replicas[0]
			waitReplicated(t, s.Primary, replica)
			replica.CLI("REPLICAOF", "127.0.0.1", "1") // receives nothing more
			second := one.deliver(before.url, "/sms", webhooktest.NewSID(), first.Cookie)
			if answered := second.Text() == webhooktest.Greeting(2); answered != (wait == 0) {
				t.Errorf("the second message gets %q", second.Text())
			}
			s.Primary.Kill()
			replica.CLI("REPLICAOF", "NO", "ONE")
			after := startReplica(t, replica.URL())
			third := one.deliver(after.url, "/sms", webhooktest.NewSID(), first.Cookie)
			if third.Text() != webhooktest.Greeting(2) {
				t.Errorf("the message after the failover gets %q: the Redis replica must have received the second message", third.Text())
			}
		})
	}
}

// replicationOffset returns a field of INFO replication.
func replicationOffset(s *redistest.Server, field string) (offset int64) {
	_, after, _ := strings.Cut(s.CLI("INFO", "replication"), field)
	_, _ = fmt.Sscan(after, &offset)
	return offset
}
