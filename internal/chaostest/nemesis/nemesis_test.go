package nemesis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// faults returns six faults of two lanes that write what happens.
func faults(log *[]string) (all []Fault) {
	for i := range 6 {
		lane := []Lane{Links, Redis}[i%2]
		name := fmt.Sprint(lane, " ", i)
		all = append(all, Fault{Name: name, Lane: lane, Min: time.Millisecond, Max: 5 * time.Millisecond,
			Begin: func(r *rand.Rand, _ time.Duration) func() {
				*log = append(*log, fmt.Sprint(name, " begins ", r.IntN(1000)))
				return func() { *log = append(*log, name+" ends") }
			}})
	}
	return all
}

func TestPlan(t *testing.T) {
	all := faults(new([]string))
	steps := Plan(7, time.Minute, all)
	if !slices.Equal(steps, Plan(7, time.Minute, all)) {
		t.Error("the same seed gives another plan")
	}
	if slices.Equal(steps, Plan(8, time.Minute, all)) {
		t.Error("another seed gives the same plan")
	}
	counts, ends := map[int]int{}, map[Lane]time.Duration{}
	for _, s := range steps {
		lane := all[s.Fault].Lane
		if s.At < ends[lane] {
			t.Errorf("%v begins before the last fault of its lane has ended", s)
		}
		ends[lane] = s.At + s.For
		counts[s.Fault]++
	}
	for i, f := range all {
		if counts[i] < 5 {
			t.Errorf("%s is used %d times", f.Name, counts[i])
		}
	}
}

func TestRun(t *testing.T) {
	for _, isCut := range []bool{false, true} {
		t.Run(fmt.Sprint("the run is cut short: ", isCut), func(t *testing.T) {
			var log []string
			all := faults(&log)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var begins, ends int
			Run(ctx, 0, Plan(7, 3*time.Second, all), all, func(_ Fault, isBegin bool) {
				if isBegin {
					begins++
				} else {
					ends++
				}
				if isCut {
					cancel()
				}
			})
			if begins != ends || len(log) != 2*begins || begins == 0 || isCut && begins > 2 {
				t.Errorf("%d faults began, %d ended; the log is %q", begins, ends, log)
			}
		})
	}
}

func TestRunNothing(t *testing.T) {
	var log []string
	all := faults(&log)
	for i := range all {
		all[i].Begin = func(*rand.Rand, time.Duration) func() { return nil }
	}
	Run(t.Context(), 0, Plan(7, time.Second, all), all, func(f Fault, _ bool) {
		t.Errorf("%s is noted, although there was nothing to break", f.Name)
	})
}
