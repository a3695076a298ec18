package load

import (
	"math"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Bar is how many deliveries took longer than the bar before it says and no longer than this one.
type Bar struct {
	UpTo  float64 `json:"up_to_ms"`
	Count int64   `json:"count"`
}

// fineDecades is how wide a histogram may be to have 6 bars a decade, 19 in all. A wider one has 3 a decade.
const fineDecades = 3

// bars sorts latencies in microseconds into bars of rising bounds, to 1 %. There is none below the first delivery or above the
// last.
func bars(h *hdrhistogram.Histogram) []Bar {
	steps := []float64{1, 1.5, 2, 3, 5, 7}
	if math.Log10(float64(h.Max())/float64(max(h.Min(), 1))) > fineDecades {
		steps = []float64{1, 2, 5}
	}
	all := []Bar{}
	step, decade := 0, 1.0
	for _, b := range h.Distribution() {
		if b.Count == 0 {
			continue
		}
		for steps[step]*decade < float64(b.From) {
			if step++; step == len(steps) {
				step, decade = 0, decade*10
			}
			if len(all) > 0 {
				all = append(all, Bar{UpTo: steps[step] * decade / 1000})
			}
		}
		if len(all) == 0 {
			all = append(all, Bar{UpTo: steps[step] * decade / 1000})
		}
		all[len(all)-1].Count += b.Count
	}
	return all
}
