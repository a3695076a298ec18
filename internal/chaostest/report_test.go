package chaostest

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// report fails the test if there is a violation. It writes each history with a violation to a file if go test has the
// flag -artifacts.
func report(t *testing.T, r *result) {
	t.Helper()
	t.Log(r.summary())
	if len(r.violations) > 0 {
		t.Error(r)
	}
	for _, h := range r.failed {
		path := filepath.Join(t.ArtifactDir(), h.From+".txt")
		if err := os.WriteFile(path, []byte(h.String()), 0o600); err != nil {
			t.Error(err)
		}
	}
}

// figures returns the figures of all runs as a table, and how often each fault was used.
func figures(all []*result) string {
	rows := [][]string{
		{"figure"}, {"conversations"}, {"messages"}, {"deliveries"}, {"unknown outcomes"}, {"records read"},
		{"faults"}, {"violations"}, {"conversations that the search did not decide"},
	}
	names := map[string]bool{}
	for _, r := range all {
		s, faults := r.stats, 0
		for name, n := range r.count {
			names[name] = true
			faults += n
		}
		rows[0] = append(rows[0], r.scene.name)
		for i, n := range []int{s.Conversations, s.Messages, s.Deliveries, s.Unknown, s.Reads, faults,
			len(r.violations), r.undecided} {
			rows[i+1] = append(rows[i+1], fmt.Sprint(n))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		row := []string{name}
		for _, r := range all {
			row = append(row, fmt.Sprint(r.count[name]))
		}
		rows = append(rows, row)
	}
	var b strings.Builder
	for i, row := range rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			fmt.Fprintf(&b, "|%s\n", strings.Repeat("---|", len(row)))
		}
	}
	return b.String()
}
