package main

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"smsession/internal/redispool"
)

// newRegistry returns a registry with the metrics of the process and of its connections to Redis. The server adds the
// metrics of messages. trips are the round trips to Redis.
func newRegistry(log *logger, pool *redispool.Pool, trips prometheus.Collector, connections int) *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	auto := promauto.With(registry)
	auto.NewGauge(prometheus.GaugeOpts{
		Name:        "smsession_build_info",
		Help:        "Always 1. The labels contain the version of the service and of Go.",
		ConstLabels: prometheus.Labels{"version": version(), "go_version": runtime.Version()},
	}).Set(1)
	auto.NewCounterFunc(prometheus.CounterOpts{
		Name: "smsession_log_lines_dropped_total",
		Help: "Log lines that were dropped because nobody read the log.",
	}, func() float64 { return float64(log.dropped()) })
	registry.MustRegister(trips)
	watchPool(auto, pool, connections)
	return registry
}

// newRoundTrips returns the histogram of how fast Redis answers.
func newRoundTrips() prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "smsession_redis_duration_seconds",
		Help: "Time of a round trip to Redis. A pipelined commit is one round trip.",
		// The first bucket fits a local network without load. A command times out after 1 s.
		Buckets: []float64{.00025, .0005, .001, .0025, .005, .01, .05, .25, 1},
	})
}

// watchPool registers the metrics of the pool: how many connections are in use.
func watchPool(auto promauto.Factory, pool *redispool.Pool, connections int) {
	auto.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "smsession_redis_connections",
		Help: "Open connections to Redis, to all nodes of a Cluster together.",
	}, func() float64 { return float64(pool.OpenConnections()) })
	auto.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "smsession_redis_connections_in_use",
		Help: "Connections to Redis that something uses at this moment, of a Cluster as one.",
	}, func() float64 { stats := pool.Stats(); return float64(stats.ActiveCount - stats.IdleCount) })
	auto.NewGauge(prometheus.GaugeOpts{
		Name: "smsession_redis_connections_max",
		Help: "Connections to Redis that messages may use at once; more messages wait.",
	}).Set(float64(connections))
}
