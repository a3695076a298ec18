package systemtest

import (
	"encoding/json"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

// fleet is several servers with one Redis. Any of them may get any message. The servers are replicas of the service, or
// the plain servers that it is compared with.
type fleet struct {
	tb       testing.TB
	replicas []*replica
	redis    redis.Conn // for the goroutine of the test
	sessions string     // the pattern of the keys of sessions
	turn     atomic.Int64
}

// fleetSize is how many replicas a fleet has. With only two, the replica that did not get the first message would
// always be the same one.
const fleetSize = 3

// startFleet starts replicas of the service.
func startFleet(tb testing.TB, server *redistest.Server, settings ...string) *fleet {
	tb.Helper()
	return startFleetOf(tb, program, server, settings...)
}

// startFleetOf is like startFleet, but for another build of the program.
func startFleetOf(
	tb testing.TB, program func() (string, error), server *redistest.Server, settings ...string,
) *fleet {
	tb.Helper()
	f := &fleet{tb: tb, redis: redistest.Conn(tb, server.Addr()), sessions: "sms:session:*"}
	for range fleetSize {
		f.replicas = append(f.replicas, startReplicaOf(tb, program, server.URL(), settings...))
	}
	return f
}

// startPlainFleet starts plain servers, the negative control. See serveReference.
func startPlainFleet(tb testing.TB, server *redistest.Server) *fleet {
	tb.Helper()
	f := &fleet{tb: tb, redis: redistest.Conn(tb, server.Addr()), sessions: "scs:session:*"}
	for range fleetSize {
		f.replicas = append(f.replicas, startReference(tb, "plain", server.Addr()))
	}
	return f
}

// next returns the URL of one replica after the other, as a load balancer chooses them.
func (f *fleet) next() string {
	return f.replicas[int(f.turn.Add(1))%len(f.replicas)].url
}

// send delivers n new messages one after the other.
func (f *fleet) send(s *sender, n int, cookie string) []reply {
	var replies []reply
	for range n {
		replies = append(replies, s.deliver(f.next(), "/sms", webhooktest.NewSID(), cookie))
	}
	return replies
}

// sendConcurrently delivers n new messages at the same moment.
func (f *fleet) sendConcurrently(s *sender, n int, cookie string) []reply {
	return concurrently(n, func(int) reply { return s.deliver(f.next(), "/sms", webhooktest.NewSID(), cookie) })
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

// pointer returns the token in the sender's pointer.
func (f *fleet) pointer(s *sender) string {
	f.tb.Helper()
	token, err := redis.String(f.redis.Do("GET", s.PointerKey()))
	if err != nil {
		f.tb.Fatalf("read the pointer of %s: %v", s.From, err)
	}
	return token
}

// counter returns the counter in the sender's record.
func (f *fleet) counter(s *sender) int {
	f.tb.Helper()
	text, err := redis.Bytes(f.redis.Do("GET", "sms:session:"+f.pointer(s)))
	if err != nil {
		f.tb.Fatalf("read the record of %s: %v", s.From, err)
	}
	var record struct{ Counter int }
	if err := json.Unmarshal(text, &record); err != nil {
		f.tb.Fatalf("read the record of %s: %v", s.From, err)
	}
	return record.Counter
}
