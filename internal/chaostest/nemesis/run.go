package nemesis

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"time"
)

// event is the begin or the end of a step.
type event struct {
	at      time.Duration
	step    int
	isBegin bool
}

// Run executes the steps, one event after the other, and then waits until duration has passed. It calls note when a
// fault begins and ends. If ctx ends, no more faults begin. All faults have ended when Run returns.
func Run(
	ctx context.Context, duration time.Duration, steps []Step, faults []Fault, note func(f Fault, isBegin bool),
) {
	var events []event
	for i, s := range steps {
		events = append(events, event{s.At, i, true}, event{s.At + s.For, i, false})
	}
	slices.SortStableFunc(events, func(a, b event) int { return cmp.Compare(a.at, b.at) })
	began, ends := time.Now(), map[int]func(){}
	for _, e := range events {
		sleep(ctx, time.Until(began.Add(e.at)))
		s, f := steps[e.step], faults[steps[e.step].Fault]
		end := ends[e.step]
		switch {
		case e.isBegin && ctx.Err() == nil:
			if ends[e.step] = f.Begin(rand.New(rand.NewPCG(s.Seed, 0)), s.For); ends[e.step] != nil {
				note(f, true)
			}
		case !e.isBegin && end != nil:
			end()
			note(f, false)
		}
	}
	sleep(ctx, time.Until(began.Add(duration)))
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
