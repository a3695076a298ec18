package redispool_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/config/redisurl"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
)

// trips collects the round trips that a pool observes.
type trips struct {
	mu   sync.Mutex
	took []time.Duration
}

func (t *trips) note(took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.took = append(t.took, took)
}

func measure(tb testing.TB, o redispool.Options) (*redispool.Pool, *trips) {
	tb.Helper()
	told := &trips{}
	o.Observe = told.note
	p := openPool(tb, o)
	if _, err := do(p.Pool, "PING"); err != nil { // the first connection makes more round trips
		tb.Fatal(err)
	}
	told.mu.Lock()
	defer told.mu.Unlock()
	told.took = nil
	return p, told
}

func TestEveryRoundTripIsMeasuredOnce(t *testing.T) {
	pipeline := func(n int) func(c redis.Conn) {
		return func(c redis.Conn) {
			for range n {
				c.Send("PING")
			}
			c.Flush()
			for range n {
				c.Receive()
			}
		}
	}
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		for name, row := range map[string]struct {
			run  func(c redis.Conn)
			want int
		}{
			"a command":                  {func(c redis.Conn) { c.Do("PING") }, 1},
			"a command that is refused":  {func(c redis.Conn) { c.Do("NONSENSE") }, 1},
			"two commands":               {func(c redis.Conn) { c.Do("PING"); c.Do("PING") }, 2},
			"a pipeline of three":        {pipeline(3), 1},
			"two pipelines":              {func(c redis.Conn) { pipeline(2)(c); pipeline(2)(c) }, 2},
			"a connection that is lent":  {func(redis.Conn) {}, 0},
			"a pipeline, then a command": {func(c redis.Conn) { pipeline(2)(c); c.Do("PING") }, 2},
		} {
			t.Run(name, func(t *testing.T) {
				pool, told := measure(t, redispool.Options{URL: redisurl.URL{Addrs: []string{b.Addr}}})
				c := pool.Get()
				row.run(c)
				c.Close()
				if len(told.took) != row.want {
					t.Errorf("%d are measured, want %d", len(told.took), row.want)
				}
			})
		}
	})
}

func TestATripTakesAsLongAsRedisTakes(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	pool, told := measure(t, redispool.Options{URL: redisurl.URL{Addrs: []string{server.Addr()}}})
	const pause = 100 * time.Millisecond
	for _, run := range []func(c redis.Conn){
		func(c redis.Conn) { c.Do("BLPOP", "empty", pause.Seconds()) },
		func(c redis.Conn) {
			c.Send("BLPOP", "empty", pause.Seconds())
			c.Send("PING")
			c.Flush()
			c.Receive()
			c.Receive()
		},
	} {
		c := pool.Get()
		run(c)
		c.Close()
	}
	if len(told.took) != 2 {
		t.Fatalf("%d are measured, want 2", len(told.took))
	}
	for _, took := range told.took {
		if took < pause*9/10 { // Redis counts in ticks of its own
			t.Errorf("a trip took %v, want %v at least", took, pause)
		}
	}
}

// What looks at every server must see through what measures.
func TestAMeasuredPoolLeadsToEveryPrimary(t *testing.T) {
	cluster := redistest.StartCluster(t, 3, false, redistest.Options{})
	pool, _ := measure(t, redispool.Options{URL: redisurl.URL{Topology: redisurl.Cluster, Addrs: cluster.Addrs()}})
	seen := map[string]bool{}
	err := pool.EachPrimary(context.Background(), func(addr string, c redis.Conn) error {
		seen[addr] = true
		_, err := c.Do("PING")
		return err
	})
	if err != nil || len(seen) != 3 {
		t.Errorf("it leads to %v, %v", seen, err)
	}
}
