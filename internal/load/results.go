package load

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// results are the results of all deliveries. One goroutine adds to them. Others may read the counters.
type results struct {
	all, failed atomic.Int64 // without those cut off
	cut         int
	latency     *hdrhistogram.Histogram // in microseconds, of the answered and the failed ones
	errors      map[int]*Errors         // by code
}

// Errors are the errors with one code that Twilio's debugger would show.
type Errors struct {
	Code    int    `json:"code"`
	Name    string `json:"name"`
	Count   int    `json:"count"`
	Example string `json:"example"` // the detail of the first one
}

// newResults returns empty results. They distinguish latencies to 1 %, from a microsecond to 2 minutes. A delivery with
// its fallback and their redirects takes less.
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
			r.errors[f.Code] = &Errors{Code: f.Code, Name: f.Name, Example: f.Detail}
		}
		r.errors[f.Code].Count++
	}
}

// Latency is the time that deliveries took, in milliseconds to 1 %. With a rate, it counts from the time at which the
// message was due. Without a rate, it counts from the time at which the message was sent.
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

// bars returns the histogram of latencies in microseconds, to 1 %, from the first delivery to the last. The bars end at
// 1, 2 and 5 of each power of ten.
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
