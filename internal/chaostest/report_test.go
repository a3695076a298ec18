package chaostest

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"smsession/internal/chaostest/crowd"
)

// report fails the test if there is a violation, or if the run proves too little. It writes each history with a
// violation to a file if go test has the flag -artifacts.
func report(t *testing.T, r *result) {
	t.Helper()
	t.Log(r.summary())
	if len(r.violations) > 0 {
		t.Error(r)
	}
	for _, doubt := range r.doubts() {
		t.Errorf("%s, SEED=%d: %s", r.scene.name, r.scene.seed, doubt)
	}
	for _, h := range r.failed {
		path := filepath.Join(t.ArtifactDir(), h.From+".txt")
		if err := os.WriteFile(path, []byte(h.String()), 0o600); err != nil {
			t.Error(err)
		}
	}
}

// doubts returns why a run without a violation proves too little. A service that never answers breaks no other promise.
func (r *result) doubts() (all []string) {
	s := r.stats
	if s.Silent > 0 {
		all = append(all, fmt.Sprintf("%d messages got no answer after all faults had ended", s.Silent))
	}
	if s.Reads == 0 {
		all = append(all, "no record was read")
	}
	if r.undecided > 1+s.Conversations/4 {
		all = append(all, fmt.Sprintf("the search did not decide %d of %d conversations", r.undecided, s.Conversations))
	}
	return all
}

func TestDoubts(t *testing.T) {
	for _, row := range []struct {
		name      string
		stats     crowd.Stats
		undecided int
		want      int
	}{
		{"a good run", crowd.Stats{Conversations: 20, Reads: 12}, 6, 0},
		{"a service that stays silent", crowd.Stats{Conversations: 20, Reads: 12, Silent: 1}, 0, 1},
		{"no record", crowd.Stats{Conversations: 20}, 0, 1},
		{"a search that decides little", crowd.Stats{Conversations: 20, Reads: 12}, 7, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := &result{stats: row.stats, undecided: row.undecided}
			if got := r.doubts(); len(got) != row.want {
				t.Errorf("the doubts are %q, want %d", got, row.want)
			}
		})
	}
}

// figures returns the figures of all runs as a table, and how often each fault was used.
func figures(all []*result) string {
	rows := [][]string{
		{"figure"}, {"conversations"}, {"messages"}, {"deliveries"}, {"unknown outcomes"}, {"records read"},
		{"full records read"}, {"faults"}, {"violations"}, {"conversations that the search did not decide"},
	}
	names := map[string]bool{}
	for _, r := range all {
		s, faults := r.stats, 0
		for name, n := range r.count {
			names[name] = true
			faults += n
		}
		rows[0] = append(rows[0], r.scene.name)
		for i, n := range []int{s.Conversations, s.Messages, s.Deliveries, s.Unknown, s.Reads, s.Full,
			faults, len(r.violations), r.undecided} {
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
