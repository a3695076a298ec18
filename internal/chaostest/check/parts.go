package check

import (
	"cmp"
	"slices"
	"time"

	"smsession/internal/chaostest/history"
)

// message is all deliveries of a message, except for those of STOP.
type message struct {
	sid        string
	deliveries []history.Op
	call       time.Duration // of the first delivery
	end        time.Duration // of the first answer; Never if there is none
	number     int           // of the first answer
}

// part is the messages between two resets of the number, such as STOP.
type part struct {
	answered []message // the numbers of these follow each other
	others   []message // without an answer, or concurrent with a reset: they may have any number, or none
	begin    reset
}

// reset is a time in which the number went back to 0, or may have.
type reset struct {
	span
	isExpiry bool
	isSure   bool
}

// split returns the parts of the conversation up to an outcome that is not known and that may reset the number at any
// later time. After it, only the model can tell.
func (c *conversation) split() (parts []part) {
	resets, unsure := c.resets()
	messages := c.messages()
	begin, hasExpired := reset{span: span{-1, -1}, isSure: true}, false
	for _, next := range append(resets, reset{span: span{history.Never, history.Never}}) {
		p := part{begin: begin}
		for _, m := range messages {
			switch {
			case m.call >= min(next.to, unsure):
			case m.call > begin.to && m.end < min(next.from, unsure):
				p.answered = append(p.answered, m)
			case m.end > begin.from, hasExpired && m.mayCountAfter(begin.from):
				p.others = append(p.others, m)
			}
		}
		parts = append(parts, p)
		begin, hasExpired = next, hasExpired || next.isExpiry
		if begin.to >= unsure {
			break
		}
	}
	return parts
}

// mayCountAfter reports whether a delivery of the message may have taken effect after a moment. A session that has
// expired counts a message again.
func (m message) mayCountAfter(moment time.Duration) bool {
	return slices.ContainsFunc(m.deliveries, func(o history.Op) bool { return o.Return > moment })
}

// messages returns the messages in the order of their first calls.
func (c *conversation) messages() (all []message) {
	indexes := map[string]int{}
	for _, o := range c.ops {
		if o.Kind != history.Deliver || o.IsStop {
			continue
		}
		i, isThere := indexes[o.SID]
		if !isThere {
			i = len(all)
			indexes[o.SID] = i
			all = append(all, message{sid: o.SID, call: o.Call, end: history.Never})
		}
		m := &all[i]
		m.deliveries = append(m.deliveries, o)
		if o.Return < m.end {
			m.end, m.number = o.Return, c.number(o)
		}
	}
	return all
}

// resets returns when the number was reset, or may have been. From unsure on, it may have been reset at any time.
func (c *conversation) resets() (all []reset, unsure time.Duration) {
	all, unsure = c.stops()
	for _, o := range c.ops {
		switch {
		case o.Kind == history.End && !o.IsKnown():
			unsure = min(unsure, o.Call)
		case o.Kind == history.End && o.Ended.Found && !o.Ended.Before:
			all = append(all, reset{span: span{o.Call, o.Return}, isSure: true})
		}
	}
	for _, e := range c.expires {
		all = append(all, reset{span{e.from, e.to}, true, e.isSure})
	}
	return merge(all), unsure
}

// stops returns the resets by STOP, each at its first delivery. Later ones reset the number only after an expiry.
func (c *conversation) stops() (all []reset, unsure time.Duration) {
	unsure = history.Never
	spans := map[string]span{}
	for _, o := range c.ops {
		if !o.IsStop {
			continue
		}
		s, isThere := spans[o.SID]
		if !isThere {
			s = span{o.Call, history.Never}
		}
		spans[o.SID] = span{s.from, min(s.to, o.Return)}
		again := max(o.Call, c.mayExpireAt(s.from))
		switch {
		case !o.IsKnown():
			unsure = min(unsure, again)
		case again < o.Return:
			all = append(all, reset{span: span{again, o.Return}})
		}
	}
	for _, s := range spans {
		if s.to == history.Never {
			unsure = min(unsure, s.from)
		} else {
			all = append(all, reset{span: s, isSure: true})
		}
	}
	return all, unsure
}

// merge sorts resets, and joins those that overlap.
func merge(all []reset) (merged []reset) {
	slices.SortFunc(all, func(a, b reset) int { return cmp.Compare(a.from, b.from) })
	for _, r := range all {
		if last := len(merged) - 1; last >= 0 && r.from <= merged[last].to {
			merged[last].to = max(merged[last].to, r.to)
			merged[last].isExpiry = merged[last].isExpiry || r.isExpiry
			merged[last].isSure = merged[last].isSure || r.isSure
		} else {
			merged = append(merged, r)
		}
	}
	return merged
}
