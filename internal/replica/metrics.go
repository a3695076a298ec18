package replica

import (
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"smsession/internal/logging"
	"smsession/internal/redispool"
)

// newRegistry returns a registry with the metrics of the process. The parts of the replica add their own metrics.
func newRegistry(version string, log *logging.Logger) *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector())
	registry.MustRegister(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	auto := promauto.With(registry)
	auto.NewGauge(prometheus.GaugeOpts{
		Name:        "smsession_build_info",
		Help:        "Always 1. The labels contain the version of the service and of Go.",
		ConstLabels: prometheus.Labels{"version": version, "go_version": runtime.Version()},
	}).Set(1)
	auto.NewCounterFunc(prometheus.CounterOpts{
		Name: "smsession_log_lines_dropped_total",
		Help: "Log lines that were dropped because nobody read the log.",
	}, func() float64 { return float64(log.Dropped()) })
	return registry
}

// observeRoundTrips registers the metric of how fast Redis answers, and returns the function that records a round trip.
func observeRoundTrips(registry prometheus.Registerer) func(took time.Duration) {
	trips := promauto.With(registry).NewHistogram(prometheus.HistogramOpts{
		Name: "smsession_redis_duration_seconds",
		Help: "Time of a round trip to Redis. A pipelined commit is one round trip.",
		// The first bucket fits a local network without load. A command times out after 1 s.
		Buckets: []float64{.00025, .0005, .001, .0025, .005, .01, .05, .25, 1},
	})
	return func(took time.Duration) { trips.Observe(took.Seconds()) }
}

// countConnections registers the metrics of the connections to Redis and of their users. max messages may use them.
func countConnections(registry prometheus.Registerer, pool *redispool.Pool, max int) {
	auto := promauto.With(registry)
	auto.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "smsession_redis_connections",
		Help: "Open connections to Redis, to all nodes of a Cluster together.",
	}, func() float64 { return float64(pool.OpenConnections()) })
	auto.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "smsession_redis_connections_in_use",
		Help: "Messages and readiness checks that use Redis now. They share the open connections.",
	}, func() float64 { return float64(pool.InUse()) })
	auto.NewGauge(prometheus.GaugeOpts{
		Name: "smsession_redis_connections_max",
		Help: "Messages that may use Redis at once; more messages wait.",
	}).Set(float64(max))
}
