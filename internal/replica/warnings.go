package replica

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"smsession/internal/config"
	"smsession/internal/redispool"
)

const (
	// checkInterval is how often the settings of Redis are checked. A server that forbids CONFIG records every attempt
	// (ACL LOG), so the checks must be rare. They must be frequent enough to end an alert soon after its reason is
	// fixed.
	checkInterval = 10 * time.Minute

	// checkRetry is the time after which a failed check is repeated. A check can take seconds, and Redis is not pinged
	// meanwhile.
	checkRetry = time.Minute
)

// Warnings returns the warnings that Run logs at its start, without running a replica: about the settings, and about
// the settings of Redis. If Redis cannot be asked before ctx ends, one of them says so. A warning is a sentence without
// its full stop. It contains no secret.
func Warnings(ctx context.Context, cfg config.Config) []string {
	pool := redispool.Open(redispool.Options{URL: cfg.Redis})
	defer pool.Close()
	all := settingsWarnings(cfg)
	found, err := redispool.Check(ctx, pool)
	for _, name := range redispool.Warnings() {
		if text, bad := found[name]; bad {
			all = append(all, text)
		}
	}
	if err != nil {
		all = append(all, "Redis cannot be used: "+err.Error())
	}
	return all
}

// settingsWarnings returns the warnings that need no contact with Redis.
func settingsWarnings(cfg config.Config) []string {
	all := cfg.Warnings()
	if _, warning := affordableConnections(cfg.MaxConnections); warning != "" {
		all = append(all, warning)
	}
	return all
}

// warnings reports settings of Redis that can lose sessions: in the log when a check first finds them, and as metrics
// while they last. It is not safe for concurrent use.
type warnings struct {
	log    *slog.Logger
	pool   *redispool.Pool
	gauges *prometheus.GaugeVec // by the name of the warning
	logged map[string]bool      // by the name of the warning
	next   time.Time            // when the next check is due
}

func newWarnings(registry prometheus.Registerer, log *slog.Logger, pool *redispool.Pool) *warnings {
	gauges := promauto.With(registry).NewGaugeVec(prometheus.GaugeOpts{
		Name: "smsession_redis_warning",
		Help: "1 while the settings or the version of Redis can lose sessions. 0 if not, or if they cannot be read.",
	}, []string{"warning"})
	for _, name := range redispool.Warnings() {
		gauges.WithLabelValues(name).Set(0)
	}
	return &warnings{log: log, pool: pool, gauges: gauges, logged: map[string]bool{}}
}

// after returns a ping that checks the settings of Redis after a successful ping, if a check is due.
func (w *warnings) after(ping func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		err := ping(ctx)
		if now := time.Now(); err == nil && !now.Before(w.next) {
			w.check(ctx, now)
		}
		return err
	}
}

// check checks the settings of Redis and reports the result. A failed check may have missed a server, so it does not
// end a warning.
func (w *warnings) check(ctx context.Context, now time.Time) {
	found, err := redispool.Check(ctx, w.pool)
	w.next = now.Add(checkInterval)
	if err != nil {
		w.next = now.Add(checkRetry)
	}
	for _, name := range redispool.Warnings() {
		text, bad := found[name]
		switch {
		case bad:
			w.gauges.WithLabelValues(name).Set(1)
		case err == nil:
			w.gauges.WithLabelValues(name).Set(0)
		}
		if bad && !w.logged[name] {
			w.logged[name] = true
			w.log.Warn(text, "warning", name)
		}
	}
}
