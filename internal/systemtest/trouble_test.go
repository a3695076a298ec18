package systemtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"smsession/internal/webhooktest"

	"smsession/internal/redistest"
)

// trouble is a state in which a Redis that can be reached refuses to count a message.
type trouble struct {
	code       string
	begin, end func(t *testing.T, s *redistest.Server)
}

// config is a trouble that a setting makes.
func configured(code, name, bad, good string) trouble {
	set := func(value string) func(*testing.T, *redistest.Server) {
		return func(_ *testing.T, s *redistest.Server) { s.CLI("CONFIG", "SET", name, value) }
	}
	return trouble{code, set(bad), set(good)}
}

var replicaOfNobody = func(_ *testing.T, s *redistest.Server) { s.CLI("REPLICAOF", "127.0.0.1", "1") }

func troubles() []trouble {
	return []trouble{
		configured("OOM", "maxmemory", "1", "0"),
		configured("NOREPLICAS", "min-replicas-to-write", "1", "0"),
		{"READONLY", replicaOfNobody, func(_ *testing.T, s *redistest.Server) { s.CLI("REPLICAOF", "NO", "ONE") }},
		{"MASTERDOWN", func(t *testing.T, s *redistest.Server) {
			s.CLI("CONFIG", "SET", "replica-serve-stale-data", "no")
			replicaOfNobody(t, s)
		}, func(_ *testing.T, s *redistest.Server) { s.CLI("REPLICAOF", "NO", "ONE") }},
		{"MISCONF", func(t *testing.T, s *redistest.Server) {
			s.CLI("CONFIG", "SET", "save", "3600 1")
			block(t, s, os.Mkdir)
			s.CLI("BGSAVE")
		}, func(t *testing.T, s *redistest.Server) { s.CLI("CONFIG", "SET", "stop-writes-on-bgsave-error", "no") }},
		{"BUSY", func(t *testing.T, s *redistest.Server) {
			s.CLI("CONFIG", "SET", "busy-reply-threshold", "10")
			busy := redistest.Conn(t, s.Addr())
			busy.Send("EVAL", "while true do end", 0)
			busy.Flush()
		}, func(_ *testing.T, s *redistest.Server) { s.CLI("SCRIPT", "KILL") }},
	}
}

// block has a directory where the snapshot should be.
func block(t *testing.T, s *redistest.Server, make func(string, os.FileMode) error) {
	t.Helper()
	_, dir, _ := strings.Cut(s.CLI("CONFIG", "GET", "dir"), "\n")
	if err := make(filepath.Join(dir, "dump.rdb"), 0o700); err != nil {
		t.Fatal(err)
	}
}

func TestWhatRedisRefusesForAMomentIsWaitedFor(t *testing.T) {
	for _, one := range troubles() {
		t.Run(one.code, func(t *testing.T) {
			server := redistest.Start(t, redistest.Options{})
			s, r := newSender(t), startReplica(t, server.URL())
			begun := s.deliver(r.url, "/sms", webhooktest.NewSID(), "")
			one.begin(t, server)
			awaitCode(t, server, one.code)
			second := make(chan reply, 1)
			go func() { second <- s.deliver(r.url, "/sms", webhooktest.NewSID(), begun.Cookie) }()
			awaitMetric(t, r, "smsession_messages_in_progress", 1)
			awaitRefusals(t, r, server)
			one.end(t, server)
			if got := (<-second).Text(); begun.Text() != webhooktest.Greeting(1) || got != webhooktest.Greeting(2) {
				t.Errorf("the replies are %q and %q", begun.Text(), got)
			}
			webhooktest.Wait(t, "the message's line in the log", func() bool { return r.answered("continued") > 0 })
			if sum(scrape(t, r), "smsession_retries_total") == 0 {
				t.Error("the first attempt succeeded: the trouble was not felt")
			}
			if r.answered("") > 0 {
				t.Errorf("a request failed:\n%s", r.stderr())
			}
		})
	}
}

// awaitTrips waits until a replica has been to Redis some more times. Its readiness check goes there too, but once a
// second.
func awaitTrips(t *testing.T, r *replica) {
	t.Helper()
	const trips = "smsession_redis_duration_seconds_count"
	awaitMetric(t, r, trips, sum(scrape(t, r), trips)+5)
}

// awaitRefusals waits until Redis has refused a replica some more times. A Redis that is BUSY does not report how often
// it has refused, so the replica's round trips count as well. If every command is refused, a new connection is refused
// before its first round trip. The readiness check is also refused, but only once a second.
func awaitRefusals(t *testing.T, r *replica, s *redistest.Server) {
	t.Helper()
	trips := func() float64 { return sum(scrape(t, r), "smsession_redis_duration_seconds_count") }
	refusals := func() (n int) {
		_, after, _ := strings.Cut(s.CLI("INFO", "stats"), "total_error_replies:")
		_, _ = fmt.Sscan(after, &n)
		return n
	}
	tripsBefore, refusalsBefore := trips(), refusals()
	webhooktest.Wait(t, "Redis to refuse the message", func() bool { return trips() >= tripsBefore+5 || refusals() >= refusalsBefore+5 })
}

// awaitCode waits until the server answers a write with a code.
func awaitCode(t *testing.T, s *redistest.Server, code string) {
	t.Helper()
	var got string
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if got = s.CLI("EVAL", "return redis.call('SET', KEYS[1], 'x')", "1", "probe"); strings.Contains(got, code) {
			return
		}
	}
	t.Fatalf("the server says %q, want %s", got, code)
}
