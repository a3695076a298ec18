package systemtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

// trouble is a state in which Redis can be reached but refuses to count a message.
type trouble struct {
	code       string // of Redis's error
	begin, end func(t *testing.T, s *redistest.Server)
}

// setting returns a trouble that a setting of Redis causes.
func setting(code, name, bad, good string) trouble {
	set := func(value string) func(*testing.T, *redistest.Server) {
		return func(_ *testing.T, s *redistest.Server) { s.CLI("CONFIG", "SET", name, value) }
	}
	return trouble{code, set(bad), set(good)}
}

func troubles() []trouble {
	demote := func(_ *testing.T, s *redistest.Server) { s.CLI("REPLICAOF", "127.0.0.1", "1") }
	promote := func(_ *testing.T, s *redistest.Server) { s.CLI("REPLICAOF", "NO", "ONE") }
	return []trouble{
		setting("OOM", "maxmemory", "1", "0"),
		setting("NOREPLICAS", "min-replicas-to-write", "1", "0"),
		{"READONLY", demote, promote},
		{"MASTERDOWN", func(t *testing.T, s *redistest.Server) {
			s.CLI("CONFIG", "SET", "replica-serve-stale-data", "no")
			demote(t, s)
		}, promote},
		{"MISCONF", func(t *testing.T, s *redistest.Server) {
			s.CLI("CONFIG", "SET", "save", "3600 1")
			blockSnapshot(t, s)
			s.CLI("BGSAVE")
		}, func(_ *testing.T, s *redistest.Server) { s.CLI("CONFIG", "SET", "stop-writes-on-bgsave-error", "no") }},
		{"BUSY", func(t *testing.T, s *redistest.Server) {
			s.CLI("CONFIG", "SET", "busy-reply-threshold", "10")
			busy := redistest.Conn(t, s.Addr())
			busy.Send("EVAL", "while true do end", 0)
			busy.Flush()
		}, func(_ *testing.T, s *redistest.Server) { s.CLI("SCRIPT", "KILL") }},
	}
}

// blockSnapshot makes a directory with the name of the snapshot, so that Redis cannot write the snapshot.
func blockSnapshot(t *testing.T, s *redistest.Server) {
	t.Helper()
	_, dir, _ := strings.Cut(s.CLI("CONFIG", "GET", "dir"), "\n")
	if err := os.Mkdir(filepath.Join(dir, "dump.rdb"), 0o700); err != nil {
		t.Fatal(err)
	}
}

// TestTroubles makes Redis refuse messages in several ways. A refusal that ends within the budget costs only time.
func TestTroubles(t *testing.T) {
	t.Parallel()
	for _, one := range troubles() {
		t.Run(one.code, func(t *testing.T) {
			server := redistest.Start(t, redistest.Options{})
			s, r := newSender(t), startReplica(t, server.URL())
			first := s.deliver(r.url, "/sms", webhooktest.NewSID(), "")
			one.begin(t, server)
			waitForRefusal(t, server, one.code)
			second := make(chan reply, 1)
			go func() { second <- s.deliver(r.url, "/sms", webhooktest.NewSID(), first.Cookie) }()
			waitForMetric(t, r, "smsession_messages_in_progress", 1)
			waitForRefusals(t, r, server)
			one.end(t, server)
			if got := (<-second).Text(); first.Text() != webhooktest.Greeting(1) || got != webhooktest.Greeting(2) {
				t.Errorf("the replies are %q and %q", first.Text(), got)
			}
			webhooktest.Wait(t, "the log line of the message", func() bool { return r.answered("continued") > 0 })
			if sum(scrape(t, r), "smsession_retries_total") == 0 {
				t.Error("the first attempt succeeded: Redis refused nothing")
			}
			if r.answered("") > 0 {
				t.Errorf("a request failed:\n%s", r.stderr())
			}
		})
	}
}

// waitForRoundTrips waits until a replica has made more round trips to Redis. The readiness check makes one round trip
// each second.
func waitForRoundTrips(t *testing.T, r *replica) {
	t.Helper()
	waitForMetric(t, r, roundTrips, sum(scrape(t, r), roundTrips)+5)
}

const roundTrips = "smsession_redis_duration_seconds_count"

// waitForRefusals waits until Redis has refused a replica some more times. A Redis that is BUSY does not count its
// refusals, so the replica's round trips count as well. A Redis that refuses every command refuses a new connection
// before its first round trip. The readiness check is refused too, but only once a second.
func waitForRefusals(t *testing.T, r *replica, s *redistest.Server) {
	t.Helper()
	trips := func() float64 { return sum(scrape(t, r), roundTrips) }
	refusals := func() (n int) {
		_, after, _ := strings.Cut(s.CLI("INFO", "stats"), "total_error_replies:")
		_, _ = fmt.Sscan(after, &n)
		return n
	}
	tripsBefore, refusalsBefore := trips(), refusals()
	webhooktest.Wait(t, "Redis to refuse the message", func() bool {
		return trips() >= tripsBefore+5 || refusals() >= refusalsBefore+5
	})
}

// waitForRefusal waits until the server refuses a write with a code.
func waitForRefusal(t *testing.T, s *redistest.Server, code string) {
	t.Helper()
	webhooktest.WaitNoError(t, "the refusal "+code, func() error {
		if got := s.CLI("EVAL", "return redis.call('SET', KEYS[1], 'x')", "1", "probe"); !strings.Contains(got, code) {
			return fmt.Errorf("the server answers %q", got)
		}
		return nil
	})
}
