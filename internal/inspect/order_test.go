package inspect

import (
	"fmt"
	"slices"
	"testing"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"pgregory.net/rapid"
)

// TestRanking compares a ranking with a sort of all conversations.
func TestRanking(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		order := rapid.SampledFrom([]Order{ByCount, ByIdle, ByLeft, ByBegan}).Draw(t, "order")
		limit := rapid.IntRange(1, 30).Draw(t, "limit")
		best := ranking{order: order, limit: limit}
		var all []int64
		for range rapid.IntRange(0, 4).Draw(t, "pages") {
			var page []Conversation
			for i := range rapid.IntRange(0, pageSize).Draw(t, "conversations") {
				n := rapid.Int64Range(0, 4000).Draw(t, "n")
				all = append(all, n)
				page = append(page, Conversation{From: fmt.Sprint(i), Count: n, Left: time.Duration(n),
					Began: time.Unix(n, 0), Written: time.Unix(n, 0)})
			}
			if _ = best.add(page); len(best.rows) > 2*limit+pageSize {
				t.Fatalf("the ranking keeps %d rows", len(best.rows))
			}
		}
		slices.Sort(all)
		if order == ByCount {
			slices.Reverse(all)
		}
		best.cut()
		var got []int64
		for _, c := range best.rows {
			got = append(got, c.Count)
		}
		if want := all[:min(limit, len(all))]; !slices.Equal(got, want) || best.dropped != len(all)-len(want) {
			t.Errorf("the first by %s are %v, and %d others; want %v", order, got, best.dropped, want)
		}
	})
}

func TestUnseen(t *testing.T) {
	seen, _ := lru.New[string, struct{}](remembered)
	if got := unseen(seen, []string{"a", "b", "a"}); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("got %q", got)
	}
	if got := unseen(seen, []string{"c", "b"}); !slices.Equal(got, []string{"c"}) {
		t.Errorf("then %q", got)
	}
	for i := range 50_000 {
		key := fmt.Sprint("key", i)
		if len(unseen(seen, []string{key})) != 1 {
			t.Fatalf("%s was not there before", key)
		}
		if i%100 == 0 && i >= 4_000 && len(unseen(seen, []string{fmt.Sprint("key", i-4_000)})) != 0 {
			t.Fatalf("a key is forgotten after 4,000 others")
		}
	}
}
