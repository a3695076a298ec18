package devrun

import (
	"log/slog"
	"strings"
	"testing"
)

// TestMuted logs before and after a replica is killed.
func TestMuted(t *testing.T) {
	var text strings.Builder
	isKilled := false
	log := slog.New(muted{slog.NewTextHandler(&text, nil), func() bool { return isKilled }})
	derived := log.With("replica", 2).WithGroup("request")
	log.Info("one")
	derived.Info("two")
	isKilled = true
	log.Error("three")
	derived.Error("four")
	if got := text.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, "msg=two replica=2") {
		t.Errorf("the log is\n%s", got)
	}
}
