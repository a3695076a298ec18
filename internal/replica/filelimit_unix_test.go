//go:build unix

package replica

import (
	"testing"
)

func TestConnectionsLeaveFilesForRedis(t *testing.T) {
	files, isKnown := openFiles()
	if !isKnown {
		t.Fatal("the limit of open files is not known")
	}
	for configured, want := range map[int]int{16: 16, int(files): int(files / 2)} {
		if got, warning := affordableConnections(configured); got != want || (warning != "") != (got < configured) {
			t.Errorf("MAX_CONNECTIONS=%d gives %d connections, want %d, and %q", configured, got, want, warning)
		}
	}
}
