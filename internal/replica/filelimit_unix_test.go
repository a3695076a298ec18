//go:build unix

package replica

import (
	"io"
	"log/slog"
	"testing"
)

func TestConnectionsLeaveFilesForRedis(t *testing.T) {
	files, isKnown := openFiles()
	if !isKnown {
		t.Fatal("the limit of open files is not known")
	}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	for configured, want := range map[int]int{16: 16, int(files): int(files / 2)} {
		if got := affordableConnections(configured, log); got != want {
			t.Errorf("MAX_CONNECTIONS=%d gives %d connections, want %d", configured, got, want)
		}
	}
}
