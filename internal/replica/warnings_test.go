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
	server := redistest.Start(t,
		redistest.Options{Args: []string{"--maxmemory-policy", "allkeys-lru", "--appendonly", "no"}})
	var out strings.Builder
	log := slog.New(slog.NewJSONHandler(&out, nil))
	pool := redispool.Open(redispool.Options{URL: redisurl.URL{Addrs: []string{server.Addr()}}})
	defer pool.Close()
	registry := prometheus.NewRegistry()
	w := newWarnings(registry, log, pool)
	is := func(when string, want map[string]float64) {
		t.Helper()
		families, err := registry.Gather()
		if err != nil || len(families) != 1 || families[0].GetName() != "smsession_redis_warning" ||
			len(families[0].Metric) != 3 {
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

// TestChecksAreRare pings once a second.
func TestChecksAreRare(t *testing.T) {
	for _, row := range []struct {
		name string
		conn redis.Conn
		want []time.Duration
	}{
		{"a failed check is repeated after a minute", nil, []time.Duration{3 * time.Second, 63 * time.Second, 123 * time.Second}},
		{"a check follows ten minutes after the last one", refusing{}, []time.Duration{3 * time.Second, 603 * time.Second, 1203 * time.Second}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testChecks(t, row.conn, row.want) })
		})
	}
}

// testChecks compares the times of the checks. The first three pings fail. Without conn, all checks fail.
func testChecks(t *testing.T, conn redis.Conn, want []time.Duration) {
	t.Helper()
	var checks []time.Duration
	began := time.Now()
	pool := &redispool.Pool{Pool: &redis.Pool{DialContext: func(context.Context) (redis.Conn, error) {
		checks = append(checks, time.Since(began))
		if conn == nil {
			return nil, errors.New("no connection")
		}
		return conn, nil
	}}}
	w := newWarnings(prometheus.NewRegistry(), slog.New(slog.DiscardHandler), pool)
	pings := 0
	ping := w.after(func(context.Context) error {
		if pings++; pings <= 3 {
			return errors.New("Redis is away")
		}
		return nil
	})
	for len(checks) < len(want) && time.Since(began) < time.Hour {
		_ = ping(t.Context())
		time.Sleep(time.Second)
	}
	if !slices.Equal(checks, want) {
		t.Errorf("checks at %v, want %v", checks, want)
	}
}

// refusing is a connection to a Redis that forbids every command.
type refusing struct{ redis.Conn }

func (refusing) Err() error   { return nil }
func (refusing) Close() error { return nil }
func (refusing) Do(command string, _ ...any) (any, error) {
	if command == "" {
		return nil, nil
	}
	return nil, redis.Error("NOPERM this user has no permissions")
}
