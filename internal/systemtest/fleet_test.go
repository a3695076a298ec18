package systemtest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"smsession/internal/webhooktest"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/redistest"
)

// fleet is several servers on one Redis; any of them may get any message. What is expected of one is the same whether
// the servers are ours or those that people build from the libraries.
type fleet struct {
	tb       testing.TB
	replicas []*replica
	redis    redis.Conn // for the test's own goroutine
	sessions string     // the pattern of the keys of sessions
	last     atomic.Int64
}

// fleetSize is how many replicas a fleet has: with two, a replica that is not the first one is always the same one.
const fleetSize = 3

// startFleet starts replicas of the program.
func startFleet(tb testing.TB, server *redistest.Server, settings ...string) *fleet {
	tb.Helper()
	f := &fleet{tb: tb, redis: redistest.Conn(tb, server.Addr()), sessions: "sms:session:*"}
	for range fleetSize {
		f.replicas = append(f.replicas, startReplica(tb, server.URL(), settings...))
	}
	return f
}

// startPlainFleet starts as many of the negative control; see serveReference.
func startPlainFleet(tb testing.TB, server *redistest.Server) *fleet {
	tb.Helper()
	f := &fleet{tb: tb, redis: redistest.Conn(tb, server.Addr()), sessions: "scs:session:*"}
	for range fleetSize {
		f.replicas = append(f.replicas, startReference(tb, "plain", server.Addr()))
	}
	return f
}

// any is the URL of one replica after the other, as a balancer chooses them.
func (f *fleet) any() string {
	return f.replicas[int(f.last.Add(1))%len(f.replicas)].url
}

// atOnce delivers n messages at the same moment, to one replica after the other.
func (f *fleet) atOnce(s *sender, n int, cookie string) []reply {
	return together(n, func(int) reply { return s.deliver(f.any(), "/sms", webhooktest.NewSID(), cookie) })
}

// sequence delivers n messages one after the other, to one replica after the other.
func (f *fleet) sequence(s *sender, n int, cookie string) []reply {
	var replies []reply
	for range n {
		replies = append(replies, s.deliver(f.any(), "/sms", webhooktest.NewSID(), cookie))
	}
	return replies
}

// together runs n deliveries at the same moment.
func together(n int, deliver func(i int) reply) []reply {
	replies := make([]reply, n)
	start := make(chan struct{})
	var group sync.WaitGroup
	for i := range replies {
		group.Go(func() {
			<-start
			replies[i] = deliver(i)
		})
	}
	close(start)
	group.Wait()
	return replies
}

// keys returns the keys that match a pattern, without those of the readiness check.
func (f *fleet) keys(pattern string) []string {
	f.tb.Helper()
	keys, err := redis.Strings(f.redis.Do("KEYS", pattern))
	if err != nil {
		f.tb.Fatal(err)
	}
	return slices.DeleteFunc(keys, func(key string) bool { return strings.HasPrefix(key, "sms:probe") })
}

// pointer is the token in the sender's pointer, as an operator finds it by the phone number.
func (f *fleet) pointer(s *sender) string {
	f.tb.Helper()
	token, err := redis.String(f.redis.Do("GET", s.PointerKey()))
	if err != nil {
		f.tb.Fatalf("the pointer of %s: %v", s.From, err)
	}
	return token
}

// recorded is the counter in the sender's record.
func (f *fleet) recorded(s *sender) int {
	f.tb.Helper()
	text, err := redis.Bytes(f.redis.Do("GET", "sms:session:"+f.pointer(s)))
	if err != nil {
		f.tb.Fatalf("the record of %s: %v", s.From, err)
	}
	var record struct{ Counter int }
	if err := json.Unmarshal(text, &record); err != nil {
		f.tb.Fatalf("the record of %s: %v", s.From, err)
	}
	return record.Counter
}

// maxViolations is how many violations are told of one conversation: a lost one breaks every reply after it.
const maxViolations = 5

// uncounted compares the numbers in replies, in whatever order they came, with first to last, each once. It returns
// what is wrong, in sentences.
func uncounted(replies []reply, first, last int) []string {
	var violations []string
	seen := map[int]int{}
	for _, r := range replies {
		if n := number(r.Text()); n != 0 {
			seen[n]++
		} else {
			violations = append(violations, fmt.Sprintf("a reply is %q", r.Text()))
		}
	}
	for n := first; n <= last; n++ {
		if seen[n] == 0 {
			violations = append(violations, fmt.Sprintf("no reply carries %d", n))
		}
	}
	for n, times := range seen {
		if times > 1 || n < first || n > last {
			violations = append(violations, fmt.Sprintf("the number %d came %d times", n, times))
		}
	}
	slices.Sort(violations)
	if len(violations) > maxViolations {
		violations = append(violations[:maxViolations], fmt.Sprintf("and %d more", len(violations)-maxViolations))
	}
	return violations
}
