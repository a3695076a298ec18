package replica

import "testing"

func TestGarbageIsBounded(t *testing.T) {
	for _, row := range []struct {
		name string
		live uint64
		want int
	}{
		{"an empty heap gets the upper bound", 0, 400},
		{"a small heap gets the upper bound", 4 << 20, 400},
		{"garbage may be 16 MB", 32 << 20, 50},
		{"garbage may be a quarter of a large heap", 1 << 30, 25},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := gcPercent(row.live); got != row.want {
				t.Errorf("GOGC is %d, want %d", got, row.want)
			}
		})
	}
}
