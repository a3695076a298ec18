package load

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Report is what a run has shown.
type Report struct {
	Seconds           float64  `json:"seconds"`
	Interrupted       bool     `json:"interrupted"`
	Asked             Asked    `json:"asked"`
	Deliveries        int64    `json:"deliveries"` // that ended by themselves
	CutOff            int      `json:"cut_off"`    // that the interruption ended
	MessagesPerSecond float64  `json:"messages_per_second"`
	Latency           Latency  `json:"latency_ms"`
	Histogram         []Bar    `json:"histogram"`
	Failed            int64    `json:"failed"` // deliveries for which Twilio would have logged an error
	Errors            []Errors `json:"errors"` // by code
	Proof             *Proof   `json:"proof"`
}

// Latency says how long deliveries took, in milliseconds to 1 %: from when the message was due, where there is a rate, and
// from when it was sent elsewhere.
type Latency struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// OK reports whether Twilio would have logged no error and the proof holds.
func (r *Report) OK() bool { return r.Failed == 0 && r.Proof.Holds }

func newReport(asked Asked, sum *tally, proof *Proof, took time.Duration, interrupted bool) *Report {
	proof.Holds = proof.Holds && !proof.Empty()
	proof.Sentence = proof.sentence()
	r := &Report{
		Seconds:           took.Seconds(),
		Interrupted:       interrupted,
		Asked:             asked,
		Deliveries:        sum.latency.TotalCount(),
		CutOff:            sum.cut,
		MessagesPerSecond: float64(asked.Messages) / took.Seconds(),
		Latency:           latencyOf(sum.latency),
		Histogram:         bars(sum.latency),
		Failed:            sum.failed.Load(),
		Errors:            []Errors{},
		Proof:             proof,
	}
	byCode := func(a, b *Errors) int { return cmp.Compare(a.Code, b.Code) }
	for _, e := range slices.SortedFunc(maps.Values(sum.errors), byCode) {
		r.Errors = append(r.Errors, *e)
	}
	return r
}

func latencyOf(h *hdrhistogram.Histogram) Latency {
	at := func(percentile float64) float64 { return float64(h.ValueAtPercentile(percentile)) / 1000 }
	return Latency{P50: at(50), P95: at(95), P99: at(99), Max: at(100)}
}
