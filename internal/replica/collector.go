package replica

import (
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

const (
	// usualGarbage is how many bytes of garbage may accumulate while the live heap is small. The live heap usually has
	// a few MB. With the default GOGC of 100, the collector would run hundreds of times a second under load. With this
	// value, a replica with 2,000 busy conversations stays below 50 MB.
	usualGarbage = 12 << 20

	// GOGC stays between these bounds. The lower bound applies to the large heap of a flood.
	leastPercent = 25
	mostPercent  = 400
)

// TuneCollector limits the garbage to a fixed size, not to a multiple of the live heap. After each collection, it
// computes the GOGC for this. It makes no small changes, because SetGCPercent stops the program for a moment. If the
// environment variable GOGC is set, it does nothing.
func TuneCollector() {
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

// gcPercent returns the GOGC for a live heap of this many bytes.
func gcPercent(live uint64) int {
	return int(min(max(100*usualGarbage/max(live, 1), leastPercent), mostPercent))
}

// live returns the number of bytes that GOGC is a percentage of: the heap that survived the last collection, the stacks
// and the package variables.
func live() (sum uint64) {
	samples := []metrics.Sample{
		{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"},
	}
	metrics.Read(samples)
	for _, s := range samples {
		sum += s.Value.Uint64()
	}
	return sum
}

// collected is a type for objects without references. Its cleanup shows that there was a collection. It contains a
// pointer, because Go packs small objects without pointers together, and then they may outlive a collection.
type collected struct{ _ *collected }

// afterCollections calls f after each collection.
func afterCollections(f func()) {
	runtime.AddCleanup(new(collected), func(f func()) {
		f()
		afterCollections(f)
	}, f)
}

// LimitMemory makes the collector run more often when the memory approaches 80 % of the cgroup's limit. The rest is for
// the pages of the program, some 20 MB that Go does not count, and for garbage that the collector finds late on a busy
// machine. GOMEMLIMIT takes precedence. The library logs the limit that it sets, or why it could not set a limit.
func LimitMemory(log *slog.Logger) {
	_, _ = memlimit.Set(memlimit.WithRatio(0.8), memlimit.WithLogger(log))
}
