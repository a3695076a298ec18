package check

import (
	"cmp"
	"slices"
	"time"

	"smsession/internal/chaostest/history"
)

// numbers checks the numbers of the messages in each part of the conversation.
func (c *conversation) numbers() (found []Violation) {
	for _, p := range c.parts {
		slices.SortStableFunc(p.answered, func(a, b message) int { return cmp.Compare(a.number, b.number) })
		found = append(found, c.order(p)...)
		found = append(found, c.gaps(p)...)
	}
	return found
}

// order checks that no two messages have the same number, and that a message has a greater number than each message
// that was answered before it was sent.
func (c *conversation) order(p part) (found []Violation) {
	for i, b := range p.answered {
		for _, a := range p.answered[:i] {
			ops := slices.Concat(a.deliveries, b.deliveries)
			switch {
			case a.number == b.number:
				found = append(found, c.violation(LostUpdate, ops, "%s and %s both have the number %d", a.sid, b.sid,
					a.number))
			case b.end < a.call && a.number == 1:
				found = append(found, c.violation(DeadTooSoon, ops, "%s has the number 1, but %s before it has %d",
					a.sid, b.sid, b.number))
			case b.end < a.call:
				found = append(found, c.violation(WrongOrder, ops, "%s has the number %d, but %s before it has %d",
					a.sid, a.number, b.sid, b.number))
			}
		}
	}
	return found
}

// gaps checks that for each number that no answer has, there is a message whose outcome is not known.
func (c *conversation) gaps(p part) (found []Violation) {
	below, distinct := 0, 0
	if len(p.answered) > 0 && !p.begin.isSure {
		distinct = p.answered[0].number - 1 // the numbers of the part before may go on
	}
	for _, m := range p.answered {
		if m.number == below {
			continue
		}
		distinct++
		below = m.number
		missing, explained := m.number-distinct, 0
		for _, other := range p.others {
			if other.call <= m.end {
				explained++
			}
		}
		if missing <= explained {
			continue
		}
		kind := Gap
		if p.begin.isExpiry && p.begin.isSure {
			kind = AliveTooLong
		}
		return append(found, c.violation(kind, c.before(m), "%s has the number %d, but only %d messages can have a "+
			"number up to it", m.sid, m.number, distinct+explained))
	}
	return found
}

// before returns the deliveries that began before a message was answered.
func (c *conversation) before(m message) (ops []history.Op) {
	for _, o := range c.ops {
		if o.Call <= m.end {
			ops = append(ops, o)
		}
	}
	return ops
}

// replies checks that all answers to a message are the same, unless the session may have expired in between.
func (c *conversation) replies() (found []Violation) {
	for _, m := range c.messages() {
		var first *history.Op
		for i, o := range m.deliveries {
			switch {
			case !o.IsKnown():
			case first == nil || c.mayExpire(first.Call, o.Return):
				first = &m.deliveries[i]
			case c.number(*first) != c.number(o):
				found = append(found, c.violation(CountedTwice, m.deliveries, "%s has the numbers %d and %d", m.sid,
					c.number(*first), c.number(o)))
			case first.Body != o.Body:
				found = append(found, c.violation(OtherReply, m.deliveries, "%s was answered %q and %q", m.sid,
					first.Body, o.Body))
			}
		}
	}
	return found
}

// forgotten checks that the service forgets a reply only after as many later ones as it remembers.
func (c *conversation) forgotten() (found []Violation) {
	for _, m := range c.messages() {
		for _, o := range m.deliveries {
			if n := c.others(m, o.Forgotten); o.Forgotten > 0 && n < c.Replies {
				found = append(found, c.violation(OtherReply, m.deliveries,
					"the reply to %s is forgotten, but only %d other messages can have been counted after it", m.sid, n))
			}
		}
	}
	return found
}

// others returns how many other messages can have been counted after a message and before a time.
func (c *conversation) others(m message, end time.Duration) int {
	sids := map[string]bool{}
	for _, o := range c.ops {
		if o.Kind == history.Deliver && o.SID != m.sid && o.Call < end && o.Return > m.call {
			sids[o.SID] = true
		}
	}
	return len(sids)
}
