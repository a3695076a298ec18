package check

import (
	"cmp"
	"slices"
	"sort"
	"time"

	"smsession/internal/chaostest/history"
)

// reductionTime limits the reduction of one history. What has not been reduced by then is printed as it is.
const reductionTime = 20 * time.Second

// reduce returns a part of an illegal history that is illegal, too. It deletes nothing whose effect may be needed:
// first it cuts the end off, and then it declares one outcome after the other unknown, which only allows more. Outcomes
// that are not needed are left out of the result.
func reduce(c *conversation) []history.Op {
	stop := time.Now().Add(reductionTime)
	isIllegal := func(ops []history.Op) bool {
		return time.Now().Before(stop) && linearizable(c, ops) == illegal
	}
	ops := c.ops
	known := slices.DeleteFunc(slices.Clone(ops), func(o history.Op) bool { return !o.IsKnown() })
	slices.SortFunc(known, func(a, b history.Op) int { return cmp.Compare(a.Return, b.Return) })
	shortest := sort.Search(len(known)-1, func(i int) bool { return isIllegal(until(ops, known[i].Return)) })
	ops = until(ops, known[shortest].Return)
	unneeded := map[int]bool{}
	for i, o := range ops {
		if !o.IsKnown() {
			continue
		}
		weaker := slices.Clone(ops)
		weaker[i] = o.Unknown()
		if isIllegal(weaker) {
			ops, unneeded[i] = weaker, true
		}
	}
	var needed []history.Op
	for i, o := range ops {
		if !unneeded[i] {
			needed = append(needed, o)
		}
	}
	return needed
}

// until returns the operations that began before a moment. Outcomes that were not known by then are unknown.
func until(ops []history.Op, end time.Duration) (some []history.Op) {
	for _, o := range ops {
		if o.Return > end {
			o = o.Unknown()
		}
		if o.Call <= end {
			some = append(some, o)
		}
	}
	return some
}
