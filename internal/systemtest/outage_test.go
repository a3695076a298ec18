package systemtest

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

const (
	outages      = 3
	outage       = 2 * time.Second // how long Redis is away at least
	longestCrash = 2 * time.Minute // how long a sender repeats a message: far longer than any replica is away
)

// TestRedisCrash kills a Redis that has written every acknowledged command to its disk.
func TestRedisCrash(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{AppendOnly: true})
	f := startFleet(t, server, "REQUEST_BUDGET=12s")
	l := startTraffic(t, func(s *sender, sid, cookie string) reply { return s.deliver(f.next(), "/sms", sid, cookie) })
	for range outages {
		l.waitForReplies()
		server.Kill()
		time.Sleep(outage) // a stimulus: the messages must wait this long
		if err := server.Restart(); err != nil {
			t.Error(err)
		}
	}
	l.waitForReplies()
	messages, slowest := l.finish()
	f.redis = redistest.Conn(t, server.Addr())
	l.check(t, f)
	for _, r := range f.replicas {
		if sum(scrape(t, r), "smsession_retries_total") == 0 {
			t.Error("a replica has not retried anything, so the test has not tested it")
		}
	}
	t.Logf("%d messages, %d outages of %v, the slowest message took %v", messages, outages, outage,
		slowest.Round(time.Millisecond))
}

const crashes = 6

// TestReplicaCrash kills replicas while the senders do what Twilio does when a request fails: they send the same
// message again, to any replica.
func TestReplicaCrash(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	f := startFleet(t, server)
	var slots [fleetSize]atomic.Pointer[replica]
	for i, r := range f.replicas {
		slots[i].Store(r)
	}
	next := func() string { return slots[f.turn.Add(1)%fleetSize].Load().url }
	var resent atomic.Int64
	l := startTraffic(t, func(s *sender, sid, cookie string) reply {
		r := s.deliver(next(), "/sms", sid, cookie)
		for deadline := time.Now().Add(longestCrash); r.Status != http.StatusOK && time.Now().Before(deadline); {
			resent.Add(1)
			time.Sleep(10 * time.Millisecond)
			r = s.deliver(next(), "/sms/fallback", sid, cookie)
		}
		return r
	})
	repeated := 0
	for i := range crashes {
		l.waitForReplies()
		crashed := slots[i%fleetSize].Load()
		crashed.kill()
		webhooktest.Wait(t, "a message that is sent again", func() bool { return resent.Load() > int64(i) })
		slots[i%fleetSize].Store(startReplica(t, server.URL()))
		repeated += crashed.answered("repeated")
	}
	l.waitForReplies()
	messages, slowest := l.finish()
	l.check(t, f)
	for i := range slots {
		repeated += slots[i].Load().answered("repeated")
	}
	t.Logf("%d messages, %d crashes, %d messages sent again, %d of them counted before the crash; the slowest took %v",
		messages, crashes, resent.Load(), repeated, slowest.Round(time.Millisecond))
}
