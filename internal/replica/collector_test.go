package replica

import (
	"runtime"
	"runtime/metrics"
	"testing"

	"smsession/internal/webhooktest"
)

func TestGarbageIsBounded(t *testing.T) {
	for _, row := range []struct {
		name string
		live uint64
		want int
	}{
		{"an empty heap gets the upper bound", 0, 400},
		{"a small heap gets the upper bound", 3 << 20, 400},
		{"garbage may be 12 MB", 24 << 20, 50},
		{"garbage may be a quarter of a large heap", 1 << 30, 25},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := gcPercent(row.live); got != row.want {
				t.Errorf("GOGC is %d, want %d", got, row.want)
			}
		})
	}
}

func TestTuneCollector(t *testing.T) {
	t.Setenv("GOGC", "")
	TuneCollector()
	want := func(event string, isRight func(percent uint64) bool) {
		t.Helper()
		webhooktest.Wait(t, event, func() bool {
			runtime.GC()
			sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
			metrics.Read(sample)
			return isRight(sample[0].Value.Uint64())
		})
	}
	large := make([]byte, 128<<20)
	want("the GOGC of a large heap", func(percent uint64) bool { return percent == leastPercent })
	runtime.KeepAlive(large)
	want("the GOGC of a small heap", func(percent uint64) bool { return percent > 2*leastPercent })
}
