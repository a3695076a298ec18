package check

import (
	"time"

	"smsession/internal/chaostest/history"
)

// records checks what was read in Redis against the answers before.
func (c *conversation) records() (found []Violation) {
	for _, o := range c.ops {
		switch {
		case o.Kind != history.Read || !o.IsKnown():
		case o.Record == nil:
			found = append(found, c.missing(o)...)
		default:
			found = append(found, c.contents(o)...)
			found = append(found, c.lifetime(o)...)
		}
	}
	return found
}

// missing checks that there is no session because it has expired.
func (c *conversation) missing(read history.Op) (found []Violation) {
	for _, m := range c.recorded(read) {
		ops := append(m.deliveries, read)
		return append(found, c.violation(DeadTooSoon, ops, "%s was answered, and there is no session", m.sid))
	}
	return found
}

// contents checks that the record has each message that was answered, with its number and only once. A full record may
// have forgotten the first ones.
func (c *conversation) contents(read history.Op) (found []Violation) {
	numbers := map[string]int{}
	for _, m := range read.Record.Messages {
		if _, isThere := numbers[m.SID]; isThere {
			found = append(found, c.violation(CountedTwice, []history.Op{read}, "%s is in the record twice", m.SID))
		}
		numbers[m.SID] = m.Number
	}
	for _, m := range c.recorded(read) {
		if n, isThere := numbers[m.sid]; isThere && n != m.number || !isThere && !c.mayForget(read.Record, m) {
			found = append(found, c.violation(NotRecorded, append(m.deliveries, read),
				"%s was answered with the number %d, and the record has %d (0: none)", m.sid, m.number, n))
		}
	}
	return found
}

// recorded returns the messages that the record must have: they were answered before it was read, and the session
// cannot have expired since they were first sent.
func (c *conversation) recorded(read history.Op) (some []message) {
	for _, m := range c.messages() {
		if m.end < read.Call && !c.mayExpire(m.call, read.Return) {
			some = append(some, m)
		}
	}
	return some
}

// isFull reports whether a record contains as many messages as it can.
func (c *conversation) isFull(r *history.Record) bool {
	return c.Remembered > 0 && len(r.Messages) >= c.Remembered
}

// mayForget reports whether a record may have dropped a message: it is full, and the message may be older than the
// oldest one that the record contains.
func (c *conversation) mayForget(r *history.Record, m message) bool {
	if !c.isFull(r) {
		return false
	}
	for _, oldest := range c.messages() {
		if oldest.sid == r.Messages[0].SID {
			return m.call < oldest.end
		}
	}
	return false
}

// mayExpire reports whether the session expired between two times, or may have.
func (c *conversation) mayExpire(from, to time.Duration) bool { return c.mayExpireAt(from) < to }

// mayExpireAt returns the first time after another at which the session may have expired; Never if there is none.
func (c *conversation) mayExpireAt(from time.Duration) time.Duration {
	first := history.Never
	for _, e := range c.expires {
		if e.to > from {
			first = min(first, e.from)
		}
	}
	return first
}

// lifetime checks the times to live of the record and of the pointer. Each delivery renews both.
func (c *conversation) lifetime(read history.Op) (found []Violation) {
	call, end := -c.Idle, time.Duration(0) // the last delivery that was answered began at call; all ended before end
	for _, o := range c.ops {
		if o.Kind == history.Deliver && o.Call < read.Call {
			end = max(end, o.Return)
			if o.IsKnown() && o.Return < read.Call {
				call = max(call, o.Call)
			}
		}
	}
	longest, shortest := c.Idle, c.Idle-(read.Return-call)
	if end < read.Call {
		longest -= read.Call - end
	}
	ops := []history.Op{read}
	if r := read.Record; r.LongestTTL > longest+c.Slack {
		found = append(found, c.violation(AliveTooLong, ops, "a key lives for %v more, %v are expected at most",
			r.LongestTTL, longest))
	} else if r.TTL < shortest-c.Slack {
		found = append(found, c.violation(DeadTooSoon, ops, "a key lives for %v more, %v are expected at least", r.TTL,
			shortest))
	}
	return found
}
