package server

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"smsession/internal/server/connlimit"
	"smsession/internal/session"
	"smsession/internal/twilio"
)

// metrics are what one replica counts of its messages. What a request touches is looked up here once, before the first
// request, and stands at 0 from then on: a rate over a series that begins with its first event does not see that event.
type metrics struct {
	messages map[string]map[string]prometheus.Counter // by route and result
	duration prometheus.Histogram

	conflicts, retries, waited prometheus.Counter
}

func newMetrics(registry prometheus.Registerer, health *Health, sessions *session.Manager, connections *connlimit.Limiter) *metrics {
	auto := promauto.With(registry)
	auto.NewCounterFunc(prometheus.CounterOpts{
		Name: "smsession_quarantined_records_total",
		Help: "Session records that could not be read and were put into quarantine.",
	}, func() float64 { return float64(sessions.Quarantined()) })
	auto.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "smsession_messages_in_progress",
		Help: "Messages that are being answered now, those that wait for Redis or for each other included.",
	}, func() float64 { return float64(sessions.InProgress()) })
	auto.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "smsession_redis_away_seconds",
		Help: "Seconds since Redis last saved what the readiness check writes every second.",
	}, func() float64 { return health.away(time.Now()).Seconds() })
	registerConnections(auto, connections)
	return &metrics{
		messages: messageCounters(auto),
		duration: auto.NewHistogram(prometheus.HistogramOpts{
			Name: "smsession_request_duration_seconds",
			Help: "Time to answer a message, from the request's headers to the answer's last byte; refused requests left out.",
			// The first is a replica at rest; Twilio gives up after 15 s, and a budget is at most 12 s.
			Buckets: []float64{.002, .005, .01, .05, .25, 1, 2.5, 5, 10, 15},
		}),
		conflicts: auto.NewCounter(prometheus.CounterOpts{
			Name: "smsession_commit_conflicts_total",
			Help: "Attempts that were thrown away because another replica had changed the session.",
		}),
		retries: auto.NewCounter(prometheus.CounterOpts{
			Name: "smsession_retries_total",
			Help: "Attempts to answer a message after its first one, whatever the reason.",
		}),
		waited: auto.NewCounter(prometheus.CounterOpts{
			Name: "smsession_retry_wait_seconds_total",
			Help: "Seconds that messages took after their first attempt had come to nothing.",
		}),
	}
}

// messageCounters has a counter for every result that a request to the webhook can have: the words of the log line.
func messageCounters(auto promauto.Factory) map[string]map[string]prometheus.Counter {
	vector := auto.NewCounterVec(prometheus.CounterOpts{
		Name: "smsession_messages_total",
		Help: "Requests to the webhook and to the fallback URL, by result, the word that the log line has for it.",
	}, []string{"route", "result"})
	counters := map[string]map[string]prometheus.Counter{}
	for _, route := range []string{webhookRoute, fallbackRoute} {
		counters[route] = map[string]prometheus.Counter{}
		for _, result := range results() {
			counters[route][result] = vector.WithLabelValues(route, result)
		}
	}
	return counters
}

// results are all words that the log has for what became of a message.
func results() []string {
	words := []string{string(twilio.KeywordStart), string(twilio.KeywordHelp), receiptResult, apologyResult, keywordFailed}
	for _, result := range session.Results() {
		words = append(words, string(result))
	}
	for refused := notPost; refused <= bug; refused++ {
		if refused != notGet {
			words = append(words, refusals[refused].result)
		}
	}
	return words
}

// count counts a request that has ended.
func (m *metrics) count(r *http.Request, o outcome, took time.Duration) {
	counter, found := m.messages[r.URL.Path][o.result]
	if !found { // not a route of Twilio's
		return
	}
	counter.Inc()
	if session.IncomingFrom(r.Context()).SID == "" {
		return
	}
	m.duration.Observe(took.Seconds())
	delivered := session.OutcomeFrom(r.Context())
	if delivered.FirstFailure.IsZero() {
		return
	}
	m.waited.Add(time.Since(delivered.FirstFailure).Seconds())
	m.retries.Add(float64(delivered.Attempts - 1))
	m.conflicts.Add(float64(delivered.Conflicts))
}

// registerConnections adds the metrics of the public listener's connections.
func registerConnections(auto promauto.Factory, limiter *connlimit.Limiter) {
	gauge := func(name, help string, read func(connlimit.Stats) int) {
		auto.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(read(limiter.Stats())) })
	}
	gauge("smsession_connections", "Open connections of the public listener.",
		func(s connlimit.Stats) int { return s.Open })
	gauge("smsession_connections_max", "Connections that the public listener may have (MAX_CONNECTIONS).",
		func(s connlimit.Stats) int { return s.Max })
	gauge("smsession_unverified_bytes", "Memory in bytes of the requests whose signatures have not been verified yet.",
		func(s connlimit.Stats) int { return s.UnverifiedBytes })
	evicted := func(reason string, read func(connlimit.Stats) int) {
		auto.NewCounterFunc(prometheus.CounterOpts{
			Name:        "smsession_connections_evicted_total",
			Help:        "Connections that were closed to make room: idle ones, or requests that were not verified.",
			ConstLabels: prometheus.Labels{"reason": reason},
		}, func() float64 { return float64(read(limiter.Stats())) })
	}
	evicted("idle", func(s connlimit.Stats) int { return s.EvictedIdle })
	evicted("unverified", func(s connlimit.Stats) int { return s.EvictedUnverified })
}
