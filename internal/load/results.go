package load

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"smsession/internal/phone"
)

// results are the results of all deliveries. Only one goroutine may call add. Other goroutines may read all and failed.
type results struct {
	all, failed atomic.Int64 // not counting the deliveries that were cut off
	cut         int
	latency     *hdrhistogram.Histogram // in microseconds, without the deliveries that were cut off
	errors      map[int]*Errors         // by code
}

// Errors are all errors with the same code that Twilio's debugger would show.
type Errors struct {
	Code    int      `json:"code"`
	Name    string   `json:"name"`
	Count   int      `json:"count"`
	Example string   `json:"example"`           // the detail of the first one, and the warnings about its URL
	Excerpt []string `json:"excerpt,omitempty"` // the first lines of the body of the first one
}

// newErrors returns errors without a count. Their example is an error of a delivery.
func newErrors(f phone.Finding, d *phone.Delivery) *Errors {
	e := &Errors{Code: f.Code, Name: f.Name, Example: f.Detail}
	for _, other := range d.Findings {
		if other.Warning && other.URL == f.URL {
			e.Example += " " + other.Detail
		}
	}
	for _, x := range d.Exchanges {
		if x.URL == f.URL && e.Excerpt == nil {
			e.Excerpt = x.Excerpt
		}
	}
	return e
}

// newResults returns empty results. Their latencies are accurate to 1 %, from a microsecond to 2 minutes. A delivery
// takes less than that, including the fallback and all redirects.
func newResults() *results {
	const longest = int64(2 * time.Minute / time.Microsecond)
	return &results{latency: hdrhistogram.New(1, longest, 2), errors: map[int]*Errors{}}
}

// add adds a delivery.
func (r *results) add(o outcome) {
	if o.cutOff {
		r.cut++
		return
	}
	r.all.Add(1)
	us := min(max(o.took.Microseconds(), 1), r.latency.HighestTrackableValue())
	_ = r.latency.RecordValue(us) // does not fail within its range
	if o.delivery.OK() {
		return
	}
	r.failed.Add(1)
	for _, f := range o.delivery.Findings {
		if f.Warning {
			continue
		}
		if r.errors[f.Code] == nil {
			r.errors[f.Code] = newErrors(f, o.delivery)
		}
		r.errors[f.Code].Count++
	}
}

// Latency is the time that deliveries took, in milliseconds, accurate to 1 %. With a rate, it begins at the time at
// which the message was due. Without a rate, it begins when the message was sent.
type Latency struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

func latencyOf(h *hdrhistogram.Histogram) Latency {
	at := func(percentile float64) float64 { return float64(h.ValueAtPercentile(percentile)) / 1000 }
	return Latency{P50: at(50), P95: at(95), P99: at(99), Max: at(100)}
}

// Bar counts the deliveries that took at most UpTo, and longer than UpTo of the previous bar.
type Bar struct {
	UpTo  float64 `json:"up_to_ms"`
	Count int64   `json:"count"`
}

// bars returns the bars of a histogram in microseconds, from the fastest delivery to the slowest. The bars end at 1, 2
// and 5 times each power of ten.
func bars(h *hdrhistogram.Histogram) []Bar {
	steps := []float64{1, 2, 5}
	var all []Bar
	for n, from := 0, h.Distribution(); len(from) > 0; n++ {
		bound := steps[n%len(steps)] * math.Pow10(n/len(steps))
		bar := Bar{UpTo: bound / 1000}
		for ; len(from) > 0 && float64(from[0].From) <= bound; from = from[1:] {
			bar.Count += from[0].Count
		}
		if bar.Count > 0 || len(all) > 0 {
			all = append(all, bar)
		}
	}
	return all
}
