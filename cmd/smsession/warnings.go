package main

import (
	"context"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"smsession/internal/redispool"
)

// warningsInterval is how often Redis's settings are looked at: seldom, because a server that forbids it takes note of
// every try (ACL LOG), and often enough for a setting that was put right to end its alert.
const warningsInterval = 10 * time.Minute

// warningsRetry is how soon a look that failed is made again. It may take seconds, in which Redis is not asked whether it
// is there.
const warningsRetry = time.Minute

// warnings tells what will cost sessions one day: in the log when it is first seen, and at /metrics while it lasts. One
// goroutine uses it.
type warnings struct {
	log    *logger
	pool   *redispool.Pool
	gauges map[string]prometheus.Gauge
	told   map[string]bool
	next   time.Time // a look is due
}

func newWarnings(registry prometheus.Registerer, log *logger, pool *redispool.Pool) *warnings {
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

// after returns a ping that also checks Redis's settings after a successful ping, if it is time for that.
func (w *warnings) after(ping func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		err := ping(ctx)
		if err == nil {
			w.look(ctx, time.Now())
		}
		return err
	}
}

// look looks at Redis, which must be there, if it is time again. A look that failed ends no warning: what it has not seen
// may still be so.
func (w *warnings) look(ctx context.Context, now time.Time) {
	if now.Before(w.next) {
		return
	}
	found, err := redispool.Check(ctx, w.pool)
	w.next = now.Add(warningsInterval)
	if err != nil {
		w.next = now.Add(warningsRetry)
	}
	w.tell(found)
	for name, gauge := range w.gauges {
		switch {
		case slices.ContainsFunc(found, func(f redispool.Warning) bool { return f.Name == name }):
			gauge.Set(1)
		case err == nil:
			gauge.Set(0)
		}
	}
}

// tell logs what was not found before.
func (w *warnings) tell(found []redispool.Warning) {
	for _, f := range found {
		if !w.told[f.Name] {
			w.log.Warn(f.Text, "warning", f.Name)
		}
		w.told[f.Name] = true
	}
}
