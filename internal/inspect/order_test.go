package inspect

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The order of a few is held to that of package slices over all of them, which are each found up to three times.
func TestTheFirstOnesAreThoseOfAFullSort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom([]string{"count", "idle", "left", "began"}).Draw(t, "order")
		limit := rapid.IntRange(1, 30).Draw(t, "limit")
		first := top{order: Orders()[name], limit: limit}
		var all []int64
		for i := range rapid.IntRange(0, 60).Draw(t, "conversations") {
			n := rapid.Int64Range(0, 40).Draw(t, "n")
			all = append(all, n)
			c := Conversation{From: fmt.Sprint(i), Count: n, Left: time.Duration(n), Began: time.Unix(n, 0), Written: time.Unix(n, 0)}
			for range rapid.IntRange(1, 3).Draw(t, "times") {
				first.add(c)
			}
			if len(first.rows) > limit || len(first.kept) > limit {
				t.Fatalf("it holds %d", len(first.rows))
			}
		}
		slices.Sort(all)
		if name == "count" {
			slices.Reverse(all)
		}
		var got []int64
		for _, c := range first.sorted() {
			got = append(got, c.Count)
		}
		if want := all[:min(limit, len(all))]; !slices.Equal(got, want) {
			t.Errorf("the first by %s are %v, want %v", name, got, want)
		}
	})
}

func TestAKeyThatIsFoundAgainIsLeftOut(t *testing.T) {
	var found recently
	if got := found.fresh([]string{"a", "b", "a"}); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("got %q", got)
	}
	if got := found.fresh([]string{"c", "b"}); !slices.Equal(got, []string{"c"}) {
		t.Errorf("then %q", got)
	}
	// However many there were, none is taken for another, and the last ones are known.
	for i := range 50_000 {
		key := fmt.Sprint("key", i)
		if len(found.fresh([]string{key})) != 1 {
			t.Fatalf("%s was never found before", key)
		}
		if i%100 == 0 && i >= 4_000 && len(found.fresh([]string{fmt.Sprint("key", i-4_000)})) != 0 {
			t.Fatalf("what was found 4,000 keys before %s is listed again", key)
		}
		if held := len(found.newer) + len(found.older); held > 2*generation {
			t.Fatalf("it holds %d", held)
		}
	}
}
