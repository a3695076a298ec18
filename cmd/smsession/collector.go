package main

import (
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

const (
	// usualGarbage is how much garbage there may be while little lives. Usually a few MB live, and Go's own 100 % would
	// collect hundreds of times a second under load.
	usualGarbage = 16 << 20

	// The bounds of GOGC. The lower one holds in a flood, where each percent of a large heap counts.
	leastPercent = 25
	mostPercent  = 400
)

// tuneCollector lets garbage grow by a fixed amount rather than by a multiple of what lives, unless GOGC is set. It looks
// after each collection whether GOGC must change. SetGCPercent stops the program for a moment, so small changes are left.
func tuneCollector() {
	if os.Getenv("GOGC") != "" {
		return
	}
	present := mostPercent
	debug.SetGCPercent(present)
	afterCollections(func() {
		if next := gcPercent(live()); next < present*9/10 || next > present*11/10 {
			present = next
			debug.SetGCPercent(present)
		}
	})
}

// gcPercent returns GOGC for so many live bytes.
func gcPercent(live uint64) int {
	return int(min(max(100*usualGarbage/max(live, 1), leastPercent), mostPercent))
}

// live returns how many bytes the collector takes GOGC of: the heap that survived the last collection, the stacks and
// the package variables.
func live() (sum uint64) {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"}}
	metrics.Read(samples)
	for _, s := range samples {
		sum += s.Value.Uint64()
	}
	return sum
}

// collected is garbage by which a collection is noticed. It has a pointer, because a small value without one shares its
// memory with others, and may outlive collections.
type collected struct{ _ *collected }

// afterCollections calls f after each collection.
func afterCollections(f func()) {
	runtime.AddCleanup(new(collected), func(f func()) {
		f()
		afterCollections(f)
	}, f)
}

// limitMemory makes the collector work harder as the memory comes near 90 % of the cgroup's limit. GOMEMLIMIT takes
// precedence. The library logs what it sets, and why it could not.
func limitMemory(log *slog.Logger) {
	_, _ = memlimit.Set(memlimit.WithRatio(0.9), memlimit.WithLogger(log))
}
