package load

import (
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"smsession/internal/phone"
)

// tally is what one worker has seen. Only the worker writes to it; the two counters may be read meanwhile.
type tally struct {
	answered, failed atomic.Int64
	cut              int
	latency          *hdrhistogram.Histogram // in microseconds
	errors           map[int]*Errors         // by code

	_ [64]byte // workers do not share a cache line
}

// Errors are the entries of one kind that Twilio's debugger would have.
type Errors struct {
	Code    int    `json:"code"`
	Name    string `json:"name"`
	Count   int    `json:"count"`
	Example string `json:"example"` // what one of them was about
}

// newTally returns an empty one: from a microsecond to 2 minutes, more than a delivery with its fallback and their
// redirects may take, to 1 %, in 22 KB.
func newTally() *tally {
	const longest = int64(2 * time.Minute / time.Microsecond)
	return &tally{latency: hdrhistogram.New(1, longest, 2), errors: map[int]*Errors{}}
}

// note takes a delivery that ended by itself.
func (t *tally) note(d *phone.Delivery, took time.Duration) {
	_ = t.latency.RecordValue(min(max(took.Microseconds(), 1), t.latency.HighestTrackableValue())) // within the range
	if d.OK() {
		t.answered.Add(1)
		return
	}
	t.failed.Add(1)
	for _, f := range d.Findings {
		if !f.Warning {
			t.noteError(f)
		}
	}
}

func (t *tally) noteError(f phone.Finding) {
	e := t.errors[f.Code]
	if e == nil {
		e = &Errors{Code: f.Code, Name: f.Name, Example: f.Detail}
		t.errors[f.Code] = e
	}
	e.Count++
}

// add takes another tally's figures over.
func (t *tally) add(other *tally) {
	t.answered.Add(other.answered.Load())
	t.failed.Add(other.failed.Load())
	t.cut += other.cut
	t.latency.Merge(other.latency)
	for code, e := range other.errors {
		if known := t.errors[code]; known != nil {
			known.Count += e.Count
		} else {
			t.errors[code] = e
		}
	}
}
