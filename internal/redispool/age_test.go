package redispool_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/config/redisurl"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
)

// The connections are used once a minute, so that the idle time-out does not end them.
func TestConnectionsHaveAMaximumAge(t *testing.T) {
	for _, row := range []struct {
		name    string
		n       int // how many connections can be used at the same time
		options func(t *testing.T) redispool.Options
	}{
		{"to one server", 16, func(t *testing.T) redispool.Options {
			return redispool.Options{URL: redisurl.URL{Addrs: []string{redistest.Start(t, redistest.Options{}).Addr()}}}
		}},
		{"to a primary of Sentinels", 16, func(t *testing.T) redispool.Options {
			return throughSentinels(redistest.StartSentinels(t, 0, 1, redistest.Options{}))
		}},
		{"to a node of a Cluster", 1, func(t *testing.T) redispool.Options {
			return redispool.Options{URL: redisurl.URL{Topology: redisurl.Cluster, Addrs: redistest.StartCluster(t, 1, false, redistest.Options{}).Addrs()}}
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			o := row.options(t)
			o.Timeout = patient
			synctest.Test(t, func(t *testing.T) { ageOf(t, o, row.n) })
		})
	}
}

func ageOf(t *testing.T, o redispool.Options, n int) {
	t.Helper()
	o.Observe = func(time.Duration) {}
	p := redispool.Open(o).Pool
	defer p.Close()
	first := ids(t, p, n)
	for minute := 1; minute <= 6; minute++ {
		time.Sleep(time.Minute)
		left := 0
		for id := range ids(t, p, n) {
			if first[id] {
				left++
			}
		}
		switch {
		case minute < 4 && left != n:
			t.Errorf("after %d minutes %d of %d connections are left", minute, left, n)
		case minute == 5 && n > 1 && (left == 0 || left == n):
			t.Errorf("after 5 minutes %d of %d connections are left: they do not end one by one", left, n)
		case minute == 6 && left != 0:
			t.Errorf("after 6 minutes %d of %d connections are left", left, n)
		}
	}
}

// ids uses n connections at the same time and returns Redis's numbers of them.
func ids(t *testing.T, p *redis.Pool, n int) map[int64]bool {
	t.Helper()
	found := map[int64]bool{}
	var held []redis.Conn
	for range n {
		c := p.Get()
		held = append(held, c)
		id, err := redis.Int64(c.Do("CLIENT", "ID"))
		if err != nil {
			t.Fatalf("CLIENT ID: %v", err)
		}
		found[id] = true
	}
	for _, c := range held {
		c.Close()
	}
	return found
}
