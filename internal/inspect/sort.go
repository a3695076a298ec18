package inspect

import (
	"cmp"
	"context"
	"errors"
	"slices"
)

// Order is an order of conversations. The empty Order means no order.
type Order string

// The orders.
const (
	ByCount Order = "count" // the highest count first
	ByIdle  Order = "idle"  // the longest idle first
	ByLeft  Order = "left"  // the least time left first
	ByBegan Order = "began" // the longest running first
	byLast  Order = "last"  // the latest message first
)

// compare returns a negative number if a comes before b. It is 0 only for two states of the same conversation.
func (o Order) compare(a, b Conversation) int {
	var first int
	switch o {
	case ByCount:
		first = cmp.Compare(b.Count, a.Count)
	case ByIdle:
		first = a.Written.Compare(b.Written)
	case ByLeft:
		first = cmp.Compare(a.Left, b.Left)
	case ByBegan:
		first = a.Began.Compare(b.Began)
	case byLast:
		first = b.Written.Compare(a.Written)
	}
	return cmp.Or(first, cmp.Compare(a.To, b.To), cmp.Compare(a.From, b.From))
}

// List calls visit with the conversations that f selects, at most limit of them. A limit of 0 means no limit. Without an
// order it calls visit as Each does. With an order, which needs a limit, it calls visit once, with the first ones.
func (s Source) List(ctx context.Context, f Filter, order Order, limit int, visit func([]Conversation) error) error {
	if order != "" {
		return s.listFirst(ctx, f, ranking{order: order, limit: limit}, visit)
	}
	listed, enough := 0, errors.New("the limit is reached")
	err := s.Each(ctx, f, func(found []Conversation) error {
		if limit > 0 {
			found = found[:min(len(found), limit-listed)]
		}
		listed += len(found)
		if err := visit(found); err != nil || listed != limit {
			return err
		}
		return enough
	})
	if errors.Is(err, enough) {
		return nil
	}
	return err
}

// listFirst calls visit with the first conversations of a ranking, unless there are none.
func (s Source) listFirst(ctx context.Context, f Filter, first ranking, visit func([]Conversation) error) error {
	err := s.Each(ctx, f, func(found []Conversation) error {
		first.add(found)
		return nil
	})
	if rows := first.first(); err == nil && len(rows) > 0 {
		return visit(rows)
	}
	return err
}

// ranking remembers the first conversations in an order.
type ranking struct {
	order   Order
	limit   int
	rows    []Conversation
	dropped int // how many conversations are not among the first
}

// add adds conversations. It sorts only now and then, so adding one costs about the logarithm of the limit.
func (r *ranking) add(found []Conversation) {
	if r.rows = append(r.rows, found...); len(r.rows) > 2*r.limit+pageSize {
		r.first()
	}
}

// first returns the first conversations and forgets the others.
func (r *ranking) first() []Conversation {
	slices.SortFunc(r.rows, r.order.compare)
	r.dropped += max(len(r.rows)-r.limit, 0)
	r.rows = r.rows[:min(len(r.rows), r.limit)]
	return r.rows
}
