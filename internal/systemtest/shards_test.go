package systemtest

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"smsession/internal/benchtest"
	"smsession/internal/config/redisurl"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
)

// BenchmarkScaleOut measures one replica, without and with an app, in front of a single Redis and of Clusters. With
// more shards, fewer commands are sent to a shard at the same time, so fewer share a write and a read. BENCH_ROUNDS is
// the number of rounds.
func BenchmarkScaleOut(b *testing.B) {
	const isApp = ", app"
	app := "APP_URL=" + startCookieApp(b, "").URL
	single := redisurl.URL{Addrs: []string{redistest.Start(b, redistest.Options{}).Addr()}}
	names := []string{"one Redis", "one Redis" + isApp}
	subjects := []*benchtest.Subject{shardSubject(b, single), shardSubject(b, single, app)}
	for _, shards := range []int{1, 4, 16} {
		c := redistest.StartCluster(b, shards, false, redistest.Options{})
		url, name := redisurl.URL{Topology: redisurl.Cluster, Addrs: c.Addrs()}, fmt.Sprint("Cluster of ", shards)
		names = append(names, name, name+isApp)
		subjects = append(subjects, shardSubject(b, url), shardSubject(b, url, app))
	}
	rounds := benchRounds(b, names, func(i int) figures { return subjects[i].Measure(b, benchMessages) })
	fmt.Printf("\nMedians with their 95 %% intervals. Rounds: %d. Messages a round: %d with %d in flight.\n\n",
		len(rounds), benchMessages, benchInFlight)
	benchtest.WriteMedians(os.Stdout, rounds, names, unpaced())
	fmt.Print("Divided by the same with one Redis in the same round:\n\n")
	benchtest.WriteRatios(os.Stdout, rounds, names[2:], func(name string) string {
		if strings.HasSuffix(name, isApp) {
			return names[1]
		}
		return names[0]
	}, unpaced())
}

// shardSubject starts a replica and returns it with conversations that have full records.
func shardSubject(b *testing.B, url redisurl.URL, settings ...string) *benchtest.Subject {
	b.Helper()
	scheme := "redis://"
	if url.Topology == redisurl.Cluster {
		scheme = "redis+cluster://"
	}
	r := startReplicaOf(b, program, scheme+strings.Join(url.Addrs, ","), settings...)
	pool := redispool.Open(redispool.Options{URL: url})
	b.Cleanup(func() { pool.Close() })
	conn, err := pool.GetContext(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	all := converse(b, r, benchRecord).Clone(b, conn, benchConversations)
	s := newSubject(b, url.Addrs[0], []*replica{r}, true, all)
	for _, addr := range url.Addrs[1:] {
		s.Redis = append(s.Redis, redistest.Conn(b, addr))
	}
	s.Measure(b, 2*benchConversations) // fills the caches
	return s
}
