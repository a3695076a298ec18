package inspect

import (
	"cmp"
	"container/heap"
	"context"
	"slices"
)

// Order says which of two conversations comes first: below zero for a.
type Order func(a, b Conversation) int

// Orders are the orders that a list may have, by name: the highest count, the longest idle, the least time left and the
// longest running first.
func Orders() map[string]Order {
	return map[string]Order{
		"count": func(a, b Conversation) int { return cmp.Compare(b.Count, a.Count) },
		"idle":  func(a, b Conversation) int { return a.Written.Compare(b.Written) },
		"left":  func(a, b Conversation) int { return cmp.Compare(a.Left, b.Left) },
		"began": func(a, b Conversation) int { return a.Began.Compare(b.Began) },
	}
}

// First returns the conversations that come first, at most limit of them, in order. It holds no more than these.
func (s Source) First(ctx context.Context, f Filter, order Order, limit int) ([]Conversation, error) {
	first := top{order: order, limit: limit}
	err := s.Each(ctx, f, func(found []Conversation) error {
		for _, c := range found {
			first.add(c)
		}
		return nil
	})
	return first.sorted(), err
}

// top keeps the conversations that come first: a heap with the last of them at its root, and a set, so that one which is
// found twice is kept once.
type top struct {
	order Order
	limit int
	more  int // that there were besides
	rows  []Conversation
	kept  map[pair]bool
}

// pair is what tells conversations apart.
type pair struct{ to, from string }

func (c Conversation) pair() pair { return pair{c.To, c.From} }

func (t *top) add(c Conversation) {
	if t.kept == nil {
		t.kept = map[pair]bool{}
	}
	if t.kept[c.pair()] {
		return
	}
	if len(t.rows) >= t.limit {
		t.more++
		if t.limit == 0 || t.order(c, t.rows[0]) >= 0 {
			return
		}
		delete(t.kept, heap.Pop(t).(Conversation).pair())
	}
	t.kept[c.pair()] = true
	heap.Push(t, c)
}

func (t *top) sorted() []Conversation {
	slices.SortFunc(t.rows, func(a, b Conversation) int {
		return cmp.Or(t.order(a, b), cmp.Compare(a.To, b.To), cmp.Compare(a.From, b.From))
	})
	return t.rows
}

// Len, Less, Swap, Push and Pop are for package heap.
func (t *top) Len() int           { return len(t.rows) }
func (t *top) Less(i, j int) bool { return t.order(t.rows[i], t.rows[j]) > 0 }
func (t *top) Swap(i, j int)      { t.rows[i], t.rows[j] = t.rows[j], t.rows[i] }
func (t *top) Push(c any)         { t.rows = append(t.rows, c.(Conversation)) }
func (t *top) Pop() any {
	last := t.rows[len(t.rows)-1]
	t.rows = t.rows[:len(t.rows)-1]
	return last
}
