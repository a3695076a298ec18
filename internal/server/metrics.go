package server

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics count the messages of a replica. Every series exists from the start with the value 0, because a rate does not
// include the first event of a series that begins with this event. They are safe for concurrent use.
type metrics struct {
	messages map[routeResult]prometheus.Counter
	duration prometheus.Histogram
	turnWait prometheus.Histogram // nil without an app

	conflicts, retries, waited prometheus.Counter
}

type routeResult struct {
	route  string
	result result
}

// newMetrics registers the metrics. It panics if the registry already has one of them.
func newMetrics(registry prometheus.Registerer, s *Server) *metrics {
	auto := promauto.With(registry)
	counter := func(name, help string) prometheus.Counter {
		return auto.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	gauge := func(name, help string, value func() float64) {
		auto.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	gauge("smsession_messages_in_progress",
		"Messages that are being answered, including those that wait for Redis or for each other.",
		func() float64 { return float64(s.Sessions.InProgress()) })
	gauge("smsession_redis_away_seconds", "Seconds since Redis last accepted the write of the readiness check.",
		func() float64 { return s.Health.away().Seconds() })
	gauge("smsession_connections", "Open connections of the public listener.",
		func() float64 { return float64(s.connections.Stats().Open) })
	gauge("smsession_connections_max", "Connections that the public listener may have (MAX_CONNECTIONS).",
		func() float64 { return float64(s.MaxConnections) })
	gauge("smsession_unverified_bytes", "Memory in bytes of the requests whose signatures have not been verified yet.",
		func() float64 { return float64(s.connections.Stats().UnverifiedBytes) })
	auto.NewCounterFunc(prometheus.CounterOpts{
		Name: "smsession_quarantined_records_total",
		Help: "Session records that could not be read and were put into quarantine.",
	}, func() float64 { return float64(s.Sessions.Quarantined()) })
	evicted := func(reason string, count func() int) {
		auto.NewCounterFunc(prometheus.CounterOpts{
			Name:        "smsession_connections_evicted_total",
			Help:        "Connections that were closed to make room: idle ones, or requests that were not verified.",
			ConstLabels: prometheus.Labels{"reason": reason},
		}, func() float64 { return float64(count()) })
	}
	evicted("idle", func() int { return s.connections.Stats().EvictedIdle })
	evicted("unverified", func() int { return s.connections.Stats().EvictedUnverified })
	return &metrics{
		messages: messageCounters(auto),
		turnWait: turnWait(auto, s.HasApp),
		duration: auto.NewHistogram(prometheus.HistogramOpts{
			Name: "smsession_request_duration_seconds",
			Help: "Time from the headers of a request to the end of its answer. Refused requests are excluded.",
			// The first bucket fits a replica without load. Twilio gives up after 15 s, and a budget is at most 12 s.
			Buckets: []float64{.002, .005, .01, .05, .25, 1, 2.5, 5, 10, 15},
		}),
		conflicts: counter("smsession_commit_conflicts_total",
			"Attempts that were thrown away because another replica had changed the session."),
		retries: counter("smsession_retries_total",
			"Attempts to answer a message after its first one, for any reason."),
		waited: counter("smsession_retry_wait_seconds_total",
			"Seconds that messages took after their first attempt had failed."),
	}
}

// turnWait returns the histogram of how long messages wait for the app to be free for them. It is nil without an app.
func turnWait(auto promauto.Factory, hasApp bool) prometheus.Histogram {
	if !hasApp {
		return nil
	}
	return auto.NewHistogram(prometheus.HistogramOpts{
		Name: "smsession_app_turn_wait_seconds",
		Help: "Time that a message waited until no other replica called the app for the same conversation.",
		// A replica asks again after 10 to 250 ms.
		Buckets: []float64{.005, .025, .1, .25, .5, 1, 2.5, 5, 10},
	})
}

// messageCounters returns a counter for each result that a request to a webhook route can have.
func messageCounters(auto promauto.Factory) map[routeResult]prometheus.Counter {
	vector := auto.NewCounterVec(prometheus.CounterOpts{
		Name: "smsession_messages_total",
		Help: "Requests to the webhook and to the fallback URL, by result. The log line has the same result.",
	}, []string{"route", "result"})
	counters := map[routeResult]prometheus.Counter{}
	for res, end := range endings {
		if end.origin == elsewhere {
			continue
		}
		for _, route := range []string{webhookRoute, fallbackRoute} {
			counters[routeResult{route, res}] = vector.WithLabelValues(route, string(res))
		}
	}
	return counters
}

// count counts a request that has ended.
func (m *metrics) count(r *http.Request, x *observed, res result, took time.Duration) {
	counter, isCounted := m.messages[routeResult{r.URL.Path, res}]
	if !isCounted {
		return
	}
	counter.Inc()
	if x.in.SID == "" {
		return
	}
	m.duration.Observe(took.Seconds())
	o := &x.outcome
	if m.turnWait != nil && o.Attempts > 0 {
		m.turnWait.Observe(o.TurnWait.Seconds())
	}
	if !o.FirstFailure.IsZero() {
		m.waited.Add(time.Since(o.FirstFailure).Seconds())
		m.retries.Add(float64(o.Attempts - 1))
		m.conflicts.Add(float64(o.Conflicts))
	}
}
