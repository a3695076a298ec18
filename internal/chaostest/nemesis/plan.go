// Package nemesis breaks things by a plan that follows from a seed. Only tests import it.
package nemesis

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"
)

// Lane is the part of a system that a fault breaks. Faults of different lanes overlap. Faults of one lane never do.
type Lane string

// The lanes.
const (
	Links    Lane = "links"    // between replicas and Redis
	Replicas Lane = "replicas" // of the service
	Redis    Lane = "redis"
	App      Lane = "app"
)

// Fault is a way to break something.
type Fault struct {
	Name string
	Lane Lane
	// Min and Max limit how long the fault lasts.
	Min, Max time.Duration
	// Begin breaks something for about d, and returns what repairs it; nil if there was nothing to break. Both should
	// return soon. A test may end in them.
	Begin func(random *rand.Rand, d time.Duration) (end func())
}

// Step is a fault at a time.
type Step struct {
	At, For time.Duration
	Fault   int    // the index of the fault
	Seed    uint64 // of the choices that Begin makes
}

// longestPause is the longest time between two faults of a lane. The system must also work in between.
const longestPause = 1500 * time.Millisecond

// Plan returns the steps of a run. The same seed, duration and faults give the same steps. Each lane uses all of its
// faults before it repeats one.
func Plan(seed uint64, duration time.Duration, faults []Fault) []Step {
	lanes := map[Lane][]int{}
	var names []Lane
	for i, f := range faults {
		if lanes[f.Lane] == nil {
			names = append(names, f.Lane)
		}
		lanes[f.Lane] = append(lanes[f.Lane], i)
	}
	var steps []Step
	for n, name := range names {
		random := rand.New(rand.NewPCG(seed, uint64(n)))
		steps = append(steps, planLane(random, duration, faults, lanes[name])...)
	}
	slices.SortStableFunc(steps, func(a, b Step) int { return cmp.Compare(a.At, b.At) })
	return steps
}

func planLane(random *rand.Rand, duration time.Duration, faults []Fault, lane []int) (steps []Step) {
	var deck []int
	for at := between(random, 0, longestPause); ; {
		if len(deck) == 0 {
			deck = slices.Clone(lane)
			random.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
		}
		f := faults[deck[0]]
		s := Step{At: at, For: between(random, f.Min, f.Max), Fault: deck[0], Seed: random.Uint64()}
		if at += s.For + between(random, longestPause/10, longestPause); s.At+s.For > duration {
			return steps
		}
		steps, deck = append(steps, s), deck[1:]
	}
}

func between(random *rand.Rand, low, high time.Duration) time.Duration {
	return low + time.Duration(random.Int64N(int64(high-low)+1))
}
