package check

import (
	"cmp"
	"slices"
	"time"

	"smsession/internal/chaostest/history"
)

// expiry is a time in which the session expired, or may have expired.
type expiry struct {
	from, to time.Duration
	isSure   bool
}

// span is the time of an operation, or a time in which something is known.
type span struct{ from, to time.Duration }

// expiries returns when the session expired for sure, and when it may have expired. A delivery renews the session at
// some moment between its Call and its Return.
func (c *conversation) expiries() []expiry {
	all := c.sureExpiries()
	alive := c.sureLives()
	for _, begin := range c.beginnings(all) {
		all = append(all, c.possible(begin, alive)...)
	}
	slices.SortFunc(all, func(a, b expiry) int { return cmp.Compare(a.from, b.from) })
	return all
}

// sureExpiries returns when the session expired because the conversation paused for longer than its idle time. A
// delivery whose outcome is not known may have ended any later pause.
func (c *conversation) sureExpiries() (all []expiry) {
	var call, end time.Duration // the latest of the deliveries so far
	begun := false
	for _, o := range c.ops {
		if at := end + c.Idle + c.Slack; begun && end != history.Never && o.Call >= at {
			all = append(all, expiry{call + c.Idle - c.Slack, at, true})
			begun = false
		}
		if o.Kind == history.Deliver {
			call, end, begun = o.Call, max(end, o.Return), true
		}
	}
	return all
}

// beginnings returns for each life of the session its span: from the first delivery to the next sure expiry.
func (c *conversation) beginnings(sure []expiry) (lives []span) {
	for _, o := range c.ops {
		if o.Kind != history.Deliver {
			continue
		}
		n := len(lives)
		switch {
		case n == 0:
		case o.Call >= lives[n-1].to:
		default:
			continue
		}
		life := span{o.Call, history.Never}
		for _, e := range sure {
			if e.from >= life.from {
				life.to = e.to
				break
			}
		}
		lives = append(lives, life)
	}
	return lives
}

// sureLives returns when the session was alive for sure: after the Return of an answered delivery, until its idle time
// after the Call has passed.
func (c *conversation) sureLives() (all []span) {
	for _, o := range c.ops {
		if o.Kind == history.Deliver && o.IsKnown() && o.Return < o.Call+c.Idle-c.Slack {
			all = append(all, span{o.Return, o.Call + c.Idle - c.Slack})
		}
	}
	slices.SortFunc(all, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	return all
}

// possible returns when the session may have expired in a life: not before its idle time has passed, and not while it
// was alive for sure. A long time is returned in pieces of the idle time, because the session may expire again.
func (c *conversation) possible(life span, alive []span) (all []expiry) {
	at, end := life.from+c.Idle-c.Slack, c.end(life)
	add := func(to time.Duration) {
		for ; at < to; at += c.Idle {
			all = append(all, expiry{from: at, to: min(at+c.Idle, to)})
		}
	}
	for _, a := range alive {
		if a.to > at && a.from < end {
			add(min(a.from, end))
			at = max(at, a.to)
		}
	}
	add(end)
	return all
}

// end returns when the last operation of a life ended, and not later than the pause after it. An operation without an
// end counts with its call.
func (c *conversation) end(life span) (end time.Duration) {
	for _, o := range c.ops {
		switch {
		case o.Call < life.from || o.Call >= life.to:
		case o.IsKnown():
			end = max(end, o.Return)
		default:
			end = max(end, o.Call)
		}
	}
	return end
}
