package usage_test

import (
	"slices"
	"strings"
	"testing"

	"smsession/internal/usage"
)

func TestJoinNegatives(t *testing.T) {
	for _, row := range []struct{ name, typed, want string }{
		{"a number belongs to the flag before it", "ls --limit -1 --json", "ls --limit=-1 --json"},
		{"a number may have a unit", "watch --every -5s", "watch --every=-5s"},
		{"a flag with a value takes no other one", "ls --limit=2 -1", "ls --limit=2 -1"},
		{"a number after an argument stays", "end +1 -1", "end +1 -1"},
		{"a flag after a flag stays", "end --erase -y", "end --erase -y"},
		{"a dash alone stays", "end --yes -", "end --yes -"},
		{"a second number stays", "ls --limit -1 -2", "ls --limit=-1 -2"},
		{"nothing changes after two dashes", "complete -- ls --limit -1", "complete -- ls --limit -1"},
		{"a number alone stays", "-1", "-1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			typed := strings.Fields(row.typed)
			if got := usage.JoinNegatives(typed); !slices.Equal(got, strings.Fields(row.want)) ||
				!slices.Equal(typed, strings.Fields(row.typed)) {
				t.Errorf("%q becomes %q", typed, got)
			}
		})
	}
}
