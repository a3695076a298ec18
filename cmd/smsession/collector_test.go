package main

import (
	"io"
	"log/slog"
	"testing"
)

func TestGarbageIsBounded(t *testing.T) {
	for _, row := range []struct {
		name string
		live uint64
		want int
	}{
		{"nothing is known yet", 0, 400},
		{"a replica at rest", 4 << 20, 400},
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

func TestConnectionsLeaveFilesForRedis(t *testing.T) {
	files, known := openFiles()
	if !known {
		t.Skip("the limit of open files is not known here")
	}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	for configured, want := range map[int]int{16: 16, int(files): int(files / 2)} {
		if got := affordableConnections(configured, log); got != want {
			t.Errorf("of %d connections there may be %d, want %d", configured, got, want)
		}
	}
}
