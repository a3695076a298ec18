package inspect

import (
	"cmp"
	"context"
	"errors"
	"slices"
)

// Order is an order of conversations. The empty Order is none.
type Order string

// The orders. Each puts those first that an operator looks for.
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

// List calls visit with the conversations that f selects, at most limit of them; a limit of 0 is none. Without an order
// it calls visit as Each does. With an order, which needs a limit, it calls visit once, with the first ones.
func (s Source) List(ctx context.Context, f Filter, order Order, limit int, visit func([]Conversation) error) error {
	best := ranking{order: order, limit: limit}
	listed, enough := 0, errors.New("the limit is reached")
	err := s.Each(ctx, f, func(found []Conversation) error {
		if order != "" {
			best.add(found)
			return nil
		}
		if limit > 0 {
			found = found[:min(len(found), limit-listed)]
		}
		listed += len(found)
		if err := visit(found); err != nil || listed != limit {
			return err
		}
		return enough
	})
	if rows := best.first(); err == nil && len(rows) > 0 {
		return visit(rows)
	}
	if errors.Is(err, enough) {
		return nil
	}
	return err
}

// ranking keeps the first conversations in an order.
type ranking struct {
	order   Order
	limit   int
	rows    []Conversation
	dropped int // how many are not among the first
}

// add adds conversations. It sorts only now and then, so adding one costs about the logarithm of the limit.
func (r *ranking) add(found []Conversation) {
	if r.rows = append(r.rows, found...); len(r.rows) > 2*r.limit+pageSize {
		r.first()
	}
}

// first returns the first conversations and drops the others.
func (r *ranking) first() []Conversation {
	slices.SortFunc(r.rows, r.order.compare)
	r.dropped += max(len(r.rows)-r.limit, 0)
	r.rows = r.rows[:min(len(r.rows), r.limit)]
	return r.rows
}
