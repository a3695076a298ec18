package systemtest

import (
	"cmp"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/benchtest"
	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

const (
	benchInFlight      = 64
	benchConversations = 2048                // of each server; half of what the cache of a replica can hold
	benchRecord        = 64                  // messages behind each conversation, so that its record has its full size
	benchMessages      = 150 * benchInFlight // as fast as possible, which takes one or two seconds
	benchPaced         = 12 * benchInFlight  // at benchRate
	benchRate          = 500                 // a second
)

// benchServer is a row of the table: a server of one or more processes.
type benchServer struct {
	name  string
	start func(tb testing.TB, addr string) []*replica
}

// benchServers returns the service and the servers that it is compared with. BENCH_BASE is the path of another build of
// the program, for example of an earlier version.
func benchServers(app string) []benchServer {
	servers := []benchServer{
		{"ours", service(program, 1)},
		{"L0", reference("L0")},
		{"L1", reference("L1")},
		{"L1 pipelined", reference("L1 pipelined")},
		{"L2", reference("L2")},
		{"plain scs", reference("plain")},
		{"ours, three replicas", service(program, 3)},
		{"ours with an app", service(program, 1, "APP_URL="+app+"/sms")},
		{"proxy", reference("proxy", "APP_URL="+app)},
	}
	if base := os.Getenv("BENCH_BASE"); base != "" {
		build := func() (string, error) { return base, nil }
		servers = append(servers, benchServer{"base", service(build, 1)},
			benchServer{"base, three replicas", service(build, 3)})
	}
	return servers
}

// service returns a function that starts replicas of a build.
func service(build func() (string, error), n int, settings ...string) func(testing.TB, string) []*replica {
	return func(tb testing.TB, addr string) (replicas []*replica) {
		for range n {
			replicas = append(replicas, startReplicaOf(tb, build, "redis://"+addr, settings...))
		}
		return replicas
	}
}

// reference returns a function that starts a server of serveReference.
func reference(role string, settings ...string) func(testing.TB, string) []*replica {
	return func(tb testing.TB, addr string) []*replica {
		return []*replica{startReference(tb, role, addr, settings...)}
	}
}

// BenchmarkProcess measures whole processes under the same load on the same Redis, and prints tables of medians. All
// servers run from the beginning to the end. Each round measures each of them for one to three seconds. BENCH_ROUNDS is
// the number of rounds.
func BenchmarkProcess(b *testing.B) {
	addr := redistest.Start(b, redistest.Options{}).Addr()
	servers := benchServers(startCookieApp(b, "").URL)
	names, subjects := make([]string, len(servers)), make([]*benchtest.Subject, len(servers))
	for i, s := range servers {
		names[i] = s.name
		replicas := s.start(b, addr)
		subjects[i] = newSubject(b, addr, replicas, false, benchmarked(b, addr, s.name, replicas[0]))
		subjects[i].Measure(b, 2*benchConversations) // fills the caches
	}
	printBench(benchRounds(b, names, func(i int) figures {
		f := subjects[i].Measure(b, benchMessages)
		f.Paced = subjects[i].Paced(benchPaced, benchRate)
		return f
	}), names)
}

// benchRounds runs BENCH_ROUNDS rounds, 9 by default: the interval of a median then reaches from the second value to
// the eighth. A round measures each of the named servers by their index, beginning with another one each time.
func benchRounds(b *testing.B, names []string, measure func(i int) figures) []benchtest.Round {
	b.Helper()
	total, err := strconv.Atoi(cmp.Or(os.Getenv("BENCH_ROUNDS"), "9"))
	if err != nil || total < 1 {
		b.Fatal("BENCH_ROUNDS must be a positive number")
	}
	var rounds []benchtest.Round
	for n := range total {
		fmt.Fprintf(os.Stderr, "round %d of %d\n", n+1, total)
		round := benchtest.Round{}
		for i := range names {
			i = (i + n) % len(names)
			round[names[i]] = measure(i)
		}
		rounds = append(rounds, round)
	}
	return rounds
}

// newSubject returns processes to measure, with a crowd that continues some conversations.
func newSubject(
	tb testing.TB, addr string, replicas []*replica, affinity bool, all []benchtest.Conversation,
) *benchtest.Subject {
	tb.Helper()
	s := &benchtest.Subject{Redis: []redis.Conn{redistest.Conn(tb, addr)}}
	var addresses []string
	for _, r := range replicas {
		s.PIDs = append(s.PIDs, r.cmd.Process.Pid)
		s.Heaps = append(s.Heaps, r.operator()+"/debug/pprof/heap?debug=1")
		addresses = append(addresses, r.address())
	}
	s.Crowd = benchtest.NewCrowd(tb, addresses, benchInFlight, affinity, all)
	return s
}

// benchmarked returns the conversations of a server. Those of the service have benchRecord messages behind them.
func benchmarked(tb testing.TB, addr, server string, r *replica) []benchtest.Conversation {
	tb.Helper()
	if strings.HasPrefix(server, "ours") || strings.HasPrefix(server, "base") {
		return converse(tb, r, benchRecord).Clone(tb, redistest.Conn(tb, addr), benchConversations)
	}
	all := make([]benchtest.Conversation, benchConversations)
	for i := range all {
		all[i].From = webhooktest.NewNumber()
	}
	return all
}

// converse sends the first messages of a conversation.
func converse(tb testing.TB, r *replica, messages int) (c benchtest.Conversation) {
	tb.Helper()
	s := newSender(tb)
	c.From = s.From
	for range messages {
		reply, err := s.Send(r.url, "/sms", webhooktest.NewSID(), c.Cookie)
		if err != nil || reply.Cookie == "" {
			tb.Fatalf("the reply is %q, %v", reply.Text(), err)
		}
		c.Cookie = reply.Cookie
	}
	return c
}

// printBench prints the tables. internal/README.md contains them as they are printed.
func printBench(rounds []benchtest.Round, names []string) {
	fmt.Printf("\nMedians with their 95 %% intervals. Rounds: %d. Messages a round: %d with %d in flight, and %d at %d a second.\n"+
		"Conversations: %d, with %d messages behind each.\n\n",
		len(rounds), benchMessages, benchInFlight, benchPaced, benchRate, benchConversations, benchRecord)
	benchtest.WriteMedians(os.Stdout, rounds, names, benchColumns())
	fmt.Print("Divided by L1 in the same round:\n\n")
	benchtest.WriteRatios(os.Stdout, rounds, names, func(string) string { return "L1" }, benchColumns())
	if os.Getenv("BENCH_BASE") != "" {
		fmt.Print("Divided by the other build in the same round:\n\n")
		toBase := func(server string) string { return strings.Replace(server, "ours", "base", 1) }
		benchtest.WriteRatios(os.Stdout, rounds, []string{"ours", "ours, three replicas"}, toBase, benchColumns())
	}
	fmt.Print("The goals:\n\n")
	benchtest.WriteMarkdown(os.Stdout, goalRows(rounds))
}

// TestClonedConversation continues clones of a conversation. They must be conversations of their own, with the count of
// the one that they were cloned from.
func TestClonedConversation(t *testing.T) {
	t.Parallel()
	addr := redistest.Start(t, redistest.Options{}).Addr()
	r := startReplica(t, "redis://"+addr)
	for _, clone := range converse(t, r, 3).Clone(t, redistest.Conn(t, addr), 2) {
		s := newSender(t)
		s.From = clone.From
		for i, cookie := range []string{clone.Cookie, ""} { // found by the record, then by the pointer
			got, err := s.Send(r.url, "/sms", webhooktest.NewSID(), cookie)
			if err != nil || got.Text() != webhooktest.Greeting(4+i) || got.Cookie != clone.Cookie {
				t.Errorf("message %d: %q, %v, with the cookie %q", 4+i, got.Text(), err, got.Cookie)
			}
		}
	}
}
