package systemtest

import (
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"smsession/internal/redistest"
)

const (
	outages = 3
	outage  = 3 * time.Second // less than REQUEST_BUDGET, 10 s by default
	between = 2 * time.Second
)

// TestAKilledRedisCostsADelay kills a Redis that has written every acknowledged command to its disk.
func TestAKilledRedisCostsADelay(t *testing.T) {
	server := redistest.Start(t, redistest.Options{AppendOnly: true})
	f := startFleet(t, server)
	l := startLoad(t, func(s *sender, sid, cookie string) reply { return s.deliver(f.any(), "/sms", sid, cookie) })
	for range outages {
		time.Sleep(between)
		server.Kill()
		time.Sleep(outage)
		if err := server.Restart(); err != nil {
			t.Error(err)
		}
	}
	time.Sleep(between)
	messages, slowest := l.finish()
	f.redis = redistest.Conn(t, server.Addr())
	l.check(t, f)
	if slowest < outage {
		t.Errorf("the slowest message took %v: no outage was felt", slowest)
	}
	t.Logf("%d messages over %d outages of %v, the slowest took %v", messages, outages, outage, slowest.Round(time.Millisecond))
}

const (
	crashes = 9
	// patience is how long a sender goes on sending a message again: far longer than any replica is away.
	patience = 30 * time.Second
)

// TestAKilledReplicaLosesAndDoublesNothing kills replicas while the senders do what Twilio does when a request fails: they
// send the same message again, to whoever answers.
func TestAKilledReplicaLosesAndDoublesNothing(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	f := startFleet(t, server)
	var places [fleetSize]atomic.Pointer[replica]
	for i, r := range f.replicas {
		places[i].Store(r)
	}
	next := func() string { return places[f.last.Add(1)%fleetSize].Load().url }
	var resent atomic.Int64
	l := startLoad(t, func(s *sender, sid, cookie string) reply {
		r := s.deliver(next(), "/sms", sid, cookie)
		for deadline := time.Now().Add(patience); r.Status != 200 && time.Now().Before(deadline); {
			resent.Add(1)
			time.Sleep(10 * time.Millisecond)
			r = s.deliver(next(), "/sms/fallback", sid, cookie)
		}
		return r
	})
	repeated := 0
	for i := range crashes {
		time.Sleep(500 * time.Millisecond)
		crashed := places[i%fleetSize].Load()
		crashed.kill()
		time.Sleep(500 * time.Millisecond)
		places[i%fleetSize].Store(startReplica(t, server.URL()))
		repeated += crashed.answered("repeated")
	}
	messages, slowest := l.finish()
	l.check(t, f)
	for i := range places {
		r := places[i].Load()
		repeated += r.answered("repeated")
		r.signal(syscall.SIGTERM)
	}
	if resent.Load() == 0 {
		t.Error("no message had to be sent again: no crash was felt")
	}
	t.Logf("%d messages over %d crashes, %d sent again, %d of them counted before the crash; the slowest took %v",
		messages, crashes, resent.Load(), repeated, slowest.Round(time.Millisecond))
}
