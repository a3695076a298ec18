package main

import (
	"context"
	"slices"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"smsession/internal/redispool"
)

// warningsInterval is how often Redis's settings are looked at: seldom, because a server that forbids it takes note of
// every try (ACL LOG), and often enough for a setting that was put right to end its alert.
const warningsInterval = 10 * time.Minute

// warnings tells what will cost sessions one day: in the log when it is first seen, and at /metrics while it lasts. One
// goroutine uses it.
type warnings struct {
	log    *logger
	pool   *redis.Pool
	gauges map[string]prometheus.Gauge
	told   map[string]bool
	looked time.Time
}

func newWarnings(registry prometheus.Registerer, log *logger, pool *redis.Pool) *warnings {
	vector := promauto.With(registry).NewGaugeVec(prometheus.GaugeOpts{
		Name: "smsession_redis_warning",
		Help: "1 while Redis's settings or its version will cost sessions one day, 0 if not or if we may not look.",
	}, []string{"warning"})
	w := &warnings{log: log, pool: pool, gauges: map[string]prometheus.Gauge{}, told: map[string]bool{}}
	for _, name := range redispool.Warnings() {
		w.gauges[name] = vector.WithLabelValues(name)
	}
	return w
}

// ping asks whether Redis can be used; if so, and if it is time again, it looks at the settings.
func (w *warnings) ping(ctx context.Context) error {
	err := redispool.Ping(ctx, w.pool)
	if err == nil {
		w.look(ctx, time.Now())
	}
	return err
}

// look looks at Redis, which must be there, if it is time again.
func (w *warnings) look(ctx context.Context, now time.Time) {
	if !w.looked.IsZero() && now.Sub(w.looked) < warningsInterval {
		return
	}
	w.looked = now
	found := redispool.Check(ctx, w.pool)
	for _, f := range found {
		if !w.told[f.Name] {
			w.log.Warn(f.Text, "warning", f.Name)
		}
		w.told[f.Name] = true
	}
	for name, gauge := range w.gauges {
		value := 0.0
		if slices.ContainsFunc(found, func(f redispool.Warning) bool { return f.Name == name }) {
			value = 1
		}
		gauge.Set(value)
	}
}
