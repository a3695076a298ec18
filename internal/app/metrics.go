package app

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"smsession/internal/conversation"
)

// metrics count the calls of an app. Every series exists from the start with the value 0, because a rate does not
// include the first event of a series that begins with this event. They are safe for concurrent use.
type metrics struct {
	ok, failed, waited prometheus.Counter
	faults             map[conversation.Fault]prometheus.Counter
	retries            prometheus.Counter
	duration           prometheus.Histogram
	inFlight           prometheus.Gauge
}

// newMetrics registers the metrics. It panics if the registry already has one of them.
func newMetrics(registry prometheus.Registerer, concurrency int) *metrics {
	auto := promauto.With(registry)
	calls := auto.NewCounterVec(prometheus.CounterOpts{
		Name: "smsession_app_calls_total",
		Help: "Calls of the app by result: ok, fault, or waited if the app was not called because too little time was left.",
	}, []string{"result"})
	faults := auto.NewCounterVec(prometheus.CounterOpts{
		Name: "smsession_app_faults_total",
		Help: "Calls of the app that failed, by fault. The field app_fault of the log line has the same word.",
	}, []string{"fault"})
	m := &metrics{
		ok:     calls.WithLabelValues("ok"),
		failed: calls.WithLabelValues("fault"),
		waited: calls.WithLabelValues("waited"),
		faults: map[conversation.Fault]prometheus.Counter{},
		retries: auto.NewCounter(prometheus.CounterOpts{
			Name: "smsession_app_retries_total",
			Help: "Requests to the app that were tried again because nothing of them could be sent.",
		}),
		duration: auto.NewHistogram(prometheus.HistogramOpts{
			Name: "smsession_app_duration_seconds",
			Help: "Time in which the app answered a message or failed, without the wait for one of the calls in flight.",
			// APP_TIMEOUT is 8 s by default. A budget is at most 12 s.
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 8, 12},
		}),
		inFlight: auto.NewGauge(prometheus.GaugeOpts{
			Name: "smsession_app_in_flight",
			Help: "Messages that the app is answering.",
		}),
	}
	auto.NewGauge(prometheus.GaugeOpts{
		Name: "smsession_app_in_flight_max",
		Help: "Messages that the app may answer at once (APP_CONCURRENCY); more messages wait.",
	}).Set(float64(concurrency))
	for _, fault := range Faults() {
		m.faults[fault] = faults.WithLabelValues(string(fault))
	}
	return m
}

// count counts a call that was made.
func (m *metrics) count(f *failure, took time.Duration) {
	m.duration.Observe(took.Seconds())
	if f == nil {
		m.ok.Inc()
		return
	}
	m.failed.Inc()
	m.faults[f.fault].Inc()
}
