package inspect

import (
	"cmp"
	"slices"
)

// Order is an order of conversations. The empty Order means no order.
type Order string

// The orders of List.
const (
	ByCount Order = "count" // the highest count first
	ByIdle  Order = "idle"  // the longest idle first
	ByLeft  Order = "left"  // the least time left first
	ByBegan Order = "began" // the earliest beginning first
	byLast  Order = "last"  // the latest message first
)

// compare returns a negative number if a comes before b. It returns 0 only if a and b are the same conversation.
func (o Order) compare(a, b Conversation) int {
	result := 0
	switch o {
	case ByCount:
		result = cmp.Compare(b.Count, a.Count)
	case ByIdle:
		result = a.Written.Compare(b.Written)
	case ByLeft:
		result = cmp.Compare(a.Left, b.Left)
	case ByBegan:
		result = a.Began.Compare(b.Began)
	case byLast:
		result = b.Written.Compare(a.Written)
	}
	return cmp.Or(result, cmp.Compare(a.To, b.To), cmp.Compare(a.From, b.From))
}

// ranking keeps the first conversations in an order. After cut, its rows are sorted, and there are at most limit rows.
type ranking struct {
	order   Order
	limit   int
	rows    []Conversation
	dropped int // how many conversations were removed from rows
}

// add adds conversations. It calls cut only when there are many rows, so that adding stays cheap. The error is always
// nil.
func (r *ranking) add(found []Conversation) error {
	if r.rows = append(r.rows, found...); len(r.rows) > 2*r.limit+pageSize {
		r.cut()
	}
	return nil
}

// cut sorts the rows and removes those beyond the limit.
func (r *ranking) cut() {
	slices.SortFunc(r.rows, r.order.compare)
	n := min(len(r.rows), r.limit)
	r.dropped += len(r.rows) - n
	r.rows = r.rows[:n]
}
