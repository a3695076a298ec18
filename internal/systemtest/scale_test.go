package systemtest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/benchtest"
	"smsession/internal/redistest"
)

const (
	scaleMessages = 100 * benchInFlight
	scaleBusy     = 3 * benchInFlight // conversations that go on in a cell
	scaleSpread   = 8192              // the same, but more than the cache of a replica can hold
	scaleRecord   = 3                 // messages behind each of the other conversations
	scaleLeast    = 1_000             // live conversations, with which the larger numbers are compared
)

// scaleCell is a row of the table: a number of replicas, which share a Redis with a number of live conversations.
type scaleCell struct {
	live        int
	replicas    int
	hasAffinity bool
	busy        int
}

// name is also the name of the cell with another number of live conversations.
func (c scaleCell) name(live int) string {
	name := fmt.Sprintf("%d live, %d replicas", live, c.replicas)
	if c.replicas == 1 {
		name = fmt.Sprintf("%d live, 1 replica", live)
	}
	switch {
	case c.busy == scaleSpread:
		name += ", spread"
	case c.replicas > 1 && !c.hasAffinity:
		name += ", no affinity"
	}
	return name
}

// scaleCells returns the cells of a Redis.
func scaleCells(live int) []scaleCell {
	cells := []scaleCell{
		{live, 1, true, scaleBusy},
		{live, 2, true, scaleBusy}, {live, 2, false, scaleBusy},
		{live, 4, true, scaleBusy}, {live, 4, false, scaleBusy},
	}
	if live > 2*scaleSpread {
		cells = append(cells, scaleCell{live, 1, true, scaleSpread})
	}
	return cells
}

// BenchmarkScale measures the service with a thousand, a hundred thousand and a million live conversations, and with
// one, two and four replicas. In each cell, some conversations with full records go on, and all others wait. It also
// measures what a conversation needs in Redis, and what a message needs in a replica while an app answers it.
// BENCH_ROUNDS is the number of rounds.
func BenchmarkScale(b *testing.B) {
	var cells []scaleCell
	var subjects []*benchtest.Subject
	for _, live := range []int{scaleLeast, 100_000, 1_000_000} {
		these := scaleCells(live)
		cells, subjects = append(cells, these...), append(subjects, populate(b, live, these)...)
	}
	names := make([]string, len(cells))
	for i, c := range cells {
		names[i] = c.name(c.live)
	}
	printScale(benchRounds(b, names, func(i int) figures {
		subjects[i].Measure(b, 2*scaleBusy) // fills the caches, which the other cells of these replicas have used
		return subjects[i].Measure(b, scaleMessages)
	}), cells)
	printBytes(b)
	printInFlight(b)
}

// populate starts a Redis with live conversations and four replicas, and returns what the cells measure.
func populate(b *testing.B, live int, cells []scaleCell) []*benchtest.Subject {
	b.Helper()
	addr := redistest.Start(b, redistest.Options{}).Addr()
	conn := redistest.Conn(b, addr)
	replicas := service(program, 4)(b, addr)
	full, short := converse(b, replicas[0], benchRecord), converse(b, replicas[0], scaleRecord)
	var subjects []*benchtest.Subject
	for _, c := range cells {
		all := full.Clone(b, conn, c.busy)
		subjects = append(subjects, newSubject(b, addr, replicas[:c.replicas], c.hasAffinity, all))
		live -= c.busy
	}
	short.Clone(b, conn, live-2) // the templates live, too
	return subjects
}

func printScale(rounds []benchtest.Round, cells []scaleCell) {
	var names, larger []string
	least := map[string]string{}
	for _, c := range cells {
		name := c.name(c.live)
		names = append(names, name)
		if base := c.name(scaleLeast); base != name && c.busy != scaleSpread {
			larger, least[name] = append(larger, name), base
		}
	}
	columns := unpaced()
	fmt.Printf("\nMedians with their 95 %% intervals. Rounds: %d. Messages a round: %d with %d in flight.\n"+
		"Conversations that go on: %d, and %d if they are spread, with %d messages behind each.\n\n",
		len(rounds), scaleMessages, benchInFlight, scaleBusy, scaleSpread, benchRecord)
	benchtest.WriteMedians(os.Stdout, rounds, names, columns)
	fmt.Printf("Divided by the same with %d live conversations in the same round. The goal is 0.90 to 1.10:\n\n", scaleLeast)
	benchtest.WriteRatios(os.Stdout, rounds, larger, func(name string) string { return least[name] }, columns)
}

// printBytes prints what a conversation needs in Redis: its two keys, and with the share of Redis's tables of keys.
func printBytes(b *testing.B) {
	b.Helper()
	rows := [][]string{{"messages behind a conversation", "bytes of its keys", "with the tables of Redis"}}
	for _, messages := range []int{scaleRecord, benchRecord} {
		addr := redistest.Start(b, redistest.Options{}).Addr()
		conn := redistest.Conn(b, addr)
		c := converse(b, service(program, 1)(b, addr)[0], messages)
		before := benchtest.ReadInfo(b, conn).Number(b, "used_memory")
		clones := c.Clone(b, conn, 100_000)
		grown := benchtest.ReadInfo(b, conn).Number(b, "used_memory") - before
		rows = append(rows, []string{
			fmt.Sprint(messages), fmt.Sprint(memoryUsage(b, conn, c)), fmt.Sprintf("%.0f", grown/float64(len(clones))),
		})
	}
	benchtest.WriteMarkdown(os.Stdout, rows)
}

// memoryUsage returns the bytes of the two keys of a conversation.
func memoryUsage(b *testing.B, conn redis.Conn, c benchtest.Conversation) (sum int) {
	b.Helper()
	session, pointer := c.Keys()
	for _, key := range []string{session, pointer} {
		bytes, err := redis.Int(conn.Do("MEMORY", "USAGE", key))
		if err != nil {
			b.Fatal(err)
		}
		sum += bytes
	}
	return sum
}

// printInFlight prints the resident memory of a replica with few and with many messages in an app that takes 2 s.
func printInFlight(b *testing.B) {
	b.Helper()
	app := startCookieApp(b, "").Config.Handler
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(2 * time.Second)
		app.ServeHTTP(w, r)
	}))
	b.Cleanup(slow.Close)
	addr := redistest.Start(b, redistest.Options{}).Addr()
	replicas := service(program, 1, "APP_URL="+slow.URL, "APP_CONCURRENCY=4096")(b, addr)
	all := converse(b, replicas[0], scaleRecord).Clone(b, redistest.Conn(b, addr), benchConversations)
	rows := [][]string{{"messages in flight", "MB", "messages/s"}}
	for _, inFlight := range []int{benchInFlight, benchConversations / 2} {
		s := newSubject(b, addr, replicas, true, nil)
		s.Crowd = benchtest.NewCrowd(b, []string{replicas[0].address()}, inFlight, true, all)
		f := s.Measure(b, 3*inFlight)
		rows = append(rows, []string{
			fmt.Sprint(inFlight), fmt.Sprintf("%.0f", f.Resident), fmt.Sprintf("%.0f", f.Rate),
		})
	}
	benchtest.WriteMarkdown(os.Stdout, rows)
}
