package replica

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/prometheus/client_golang/prometheus"

	"smsession/internal/config/redisurl"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
)

func TestWarnings(t *testing.T) {
	server := redistest.Start(t, redistest.Options{Args: []string{"--maxmemory-policy", "allkeys-lru", "--appendonly", "no"}})
	var out strings.Builder
	log := slog.New(slog.NewJSONHandler(&out, nil))
	pool := redispool.Open(redispool.Options{URL: redisurl.URL{Addrs: []string{server.Addr()}}})
	defer pool.Close()
	registry := prometheus.NewRegistry()
	w := newWarnings(registry, log, pool)
	is := func(when string, want map[string]float64) {
		t.Helper()
		families, err := registry.Gather()
		if err != nil || len(families) != 1 || families[0].GetName() != "smsession_redis_warning" || len(families[0].Metric) != 3 {
			t.Fatalf("%s: %v, %v", when, families, err)
		}
		for _, m := range families[0].Metric {
			if name := m.Label[0].GetValue(); m.Gauge.GetValue() != want[name] {
				t.Errorf("%s: %s is %v", when, name, m.Gauge.GetValue())
			}
		}
	}
	now := time.Now()
	is("before the first check", nil)
	w.check(t.Context(), now)
	is("with both faults", map[string]float64{"eviction_possible": 1, "persistence_off": 1})
	server.CLI("CONFIG", "SET", "maxmemory-policy", "noeviction")
	w.check(t.Context(), now)
	is("after one fault was fixed", map[string]float64{"persistence_off": 1})
	w.check(t.Context(), now)
	server.CLI("CONFIG", "SET", "appendonly", "yes")
	cut, cancel := context.WithCancel(t.Context())
	cancel()
	w.check(cut, now)
	is("after a failed check", map[string]float64{"persistence_off": 1})
	w.check(t.Context(), now)
	is("after both faults were fixed", nil)
	if n := strings.Count(out.String(), `"level":"WARN"`); n != 2 {
		t.Errorf("%d warnings were logged, want each once:\n%s", n, out.String())
	}
}

// TestChecksAreRare pings once a second for more than an hour.
func TestChecksAreRare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var checks []time.Duration
		began := time.Now()
		fail := errors.New("no connection")
		pool := &redispool.Pool{Pool: &redis.Pool{DialContext: func(context.Context) (redis.Conn, error) {
			checks = append(checks, time.Since(began))
			return nil, fail
		}}}
		w := newWarnings(prometheus.NewRegistry(), slog.New(slog.DiscardHandler), pool)
		pings := 0
		ping := w.after(func(context.Context) error {
			if pings++; pings <= 3 {
				return errors.New("Redis is away")
			}
			return nil
		})
		for range 125 {
			_ = ping(t.Context())
			time.Sleep(time.Second)
		}
		if want := []time.Duration{3 * time.Second, 63 * time.Second, 123 * time.Second}; !slices.Equal(checks, want) {
			t.Errorf("checks at %v, want %v: after the first successful ping, and again a minute after a failed check", checks, want)
		}
	})
}
