package inspect_test

import (
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/config/redisurl"
	"smsession/internal/inspect"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
)

// fill puts n conversations into Redis. Each run of its script adds up to ten thousand. Each record has four messages.
func fill(tb testing.TB, conn redis.Conn, n int) {
	tb.Helper()
	script := redis.NewScript(0, `
for i = tonumber(ARGV[1]), tonumber(ARGV[2]) do
  local from = string.format('+1202%07d', i)
  local token = string.format('%043d', i)
  redis.call('SET', 'sms:conversation:+15005550006:' .. from, token, 'PX', 14400000)
  redis.call('SET', 'sms:session:' .. token, string.format('{"version":1,"counter":%d,"from":"%s","to":"+15005550006",`+
		`"began":"%s","written":"%s","deadline":"%s","messages":"%s"}', i % 1000 + 1, from, ARGV[3], ARGV[4], ARGV[5], ARGV[6]), 'PX', 14400000)
end`)
	const messages = "SM00000000000000000000000000000001=1 SM00000000000000000000000000000002=2 " +
		"SM00000000000000000000000000000003=3 SM00000000000000000000000000000004=4"
	now := time.Now().UTC()
	const step = 10_000
	for i := 0; i < n; i += step {
		_, err := script.Do(conn, i, min(i+step, n)-1, now.Add(-time.Hour).Format(time.RFC3339),
			now.Format(time.RFC3339),
			now.Add(time.Hour).Format(time.RFC3339), messages)
		if err != nil {
			tb.Fatal(err)
		}
	}
}

// firstWrite records the time of the first write, and counts the bytes of all writes.
type firstWrite struct {
	at    time.Time
	bytes int
}

func (w *firstWrite) Write(b []byte) (int, error) {
	if w.bytes == 0 {
		w.at = time.Now()
	}
	w.bytes += len(b)
	return len(b), nil
}

var _ io.Writer = (*firstWrite)(nil)

// live returns how many bytes of the heap survive a garbage collection.
func live() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// BenchmarkList lists a million conversations in a real Redis. It reports the time to the first line, and the largest
// growth of the live heap. It measures the heap eight times in each listing.
func BenchmarkList(b *testing.B) {
	const conversations = 1_000_000
	server := redistest.Start(b, redistest.Options{})
	fill(b, redistest.Conn(b, server.Addr()), conversations)
	pool := redispool.Open(redispool.Options{URL: redisurl.URL{Addrs: []string{server.Addr()}}})
	defer pool.Close()
	source := inspect.Source{Pool: pool, Keys: keys}
	for _, way := range []struct {
		name string
		list func(visit func([]inspect.Conversation) error) error
	}{
		{"found", func(visit func([]inspect.Conversation) error) error {
			return source.List(b.Context(), inspect.Filter{}, "", 0, visit)
		}},
		{"first=20", func(visit func([]inspect.Conversation) error) error {
			return source.List(b.Context(), inspect.Filter{}, inspect.ByCount, 20, visit)
		}},
	} {
		b.Run(way.name, func(b *testing.B) {
			var toFirst time.Duration
			grown, before := int64(0), live()
			for b.Loop() {
				var out firstWrite
				list, n, begun := &inspect.Printer{Out: &out}, 0, time.Now()
				err := way.list(func(found []inspect.Conversation) error {
					if n/(conversations/8) != (n+len(found))/(conversations/8) {
						grown = max(grown, live()-before)
					}
					n += len(found)
					return list.List(found)
				})
				if err != nil || n != conversations && way.name == "found" {
					b.Fatal(n, err)
				}
				toFirst = max(toFirst, out.at.Sub(begun))
			}
			b.ReportMetric(float64(toFirst.Microseconds())/1000, "ms-to-first-line")
			b.ReportMetric(float64(grown)/1024, "live-KB")
			b.ReportMetric(conversations*float64(b.N)/b.Elapsed().Seconds(), "conversations/s")
		})
	}
}
