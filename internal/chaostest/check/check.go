// Package check decides whether a history shows that every message was counted exactly once. It is pure: it reads no
// clock and contacts nobody.
package check

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"smsession/internal/chaostest/history"
)

// Kind is a way in which a history breaks a promise.
type Kind string

// The kinds of violations. All but the first are found by direct checks.
const (
	NoOrder      Kind = "no order"                 // no order of the operations explains all outcomes
	CountedTwice Kind = "counted twice"            // two deliveries of a message have different numbers
	LostUpdate   Kind = "lost update"              // two messages have the same number
	Gap          Kind = "gap"                      // a number went to no message
	NotRecorded  Kind = "not in the record"        // a message was answered, and the record does not have it
	OtherReply   Kind = "another reply"            // two deliveries of a message were answered with different bytes
	WrongOrder   Kind = "wrong order"              // a message has a smaller number than one that was answered before
	AliveTooLong Kind = "alive past its idle time" // the session was not over, or its keys live too long
	DeadTooSoon  Kind = "dead before its idle time"
	NotAnAnswer  Kind = "not an answer" // a 2xx that is neither a reply of the conversation nor the apology
)

// Violation is one broken promise.
type Violation struct {
	Kind Kind
	Text string          // what happened
	Ops  history.History // the operations that show it
}

// Options describe the service and the harness.
type Options struct {
	Idle time.Duration // how long after its last message a session ends
	// Slack is how much earlier or later than Idle a session may end, because clocks and timers are not exact.
	Slack time.Duration
	// Replies is how many replies the service remembers; 0 means all.
	Replies int
	// Remembered is how many messages a record contains at most; 0 means all.
	Remembered int
	// App means that an app answers. It gets STOP, too. If it fails, the session ends, but STOP is not counted: the
	// next delivery of it may end the session again.
	App bool
	// Patience limits the search for an order in one conversation.
	Patience time.Duration
}

// Verdict is the result of a check.
type Verdict struct {
	Violations []Violation
	Undecided  bool // the search for an order took longer than Options.Patience
}

// Check checks the history of one conversation. The direct checks come first, because they name the fault.
func Check(h history.History, o Options) Verdict {
	c := newConversation(h, o)
	v := Verdict{Violations: c.direct()}
	switch linearizable(c, c.ops) {
	case illegal:
		v.Violations = append(v.Violations, Violation{NoOrder, "no order of the operations explains all outcomes",
			history.History{From: h.From, Ops: reduce(c)}})
	case undecided:
		v.Undecided = true
	}
	return v
}

// direct returns the violations that have a name.
func (c *conversation) direct() []Violation {
	return slices.Concat(c.answers(), c.replies(), c.forgotten(), c.numbers(), c.records())
}

// conversation is a history with what follows from it.
type conversation struct {
	Options
	from    string
	ops     []history.Op // in the order of their calls
	expires []expiry     // when the session may or must have expired
	parts   []part
}

func newConversation(h history.History, o Options) *conversation {
	c := &conversation{Options: o, from: h.From, ops: slices.Clone(h.Ops)}
	slices.SortStableFunc(c.ops, func(a, b history.Op) int { return cmp.Compare(a.Call, b.Call) })
	c.expires = c.expiries()
	c.parts = c.split()
	return c
}

// number returns the number of a delivery whose outcome is known. An answer that has none is one of c.answers.
func (c *conversation) number(o history.Op) int {
	n, _ := history.Number(o.Reply)
	return n
}

func (c *conversation) violation(k Kind, ops []history.Op, format string, args ...any) Violation {
	return Violation{k, fmt.Sprintf(format, args...), history.History{From: c.from, Ops: ops}}
}

// answers checks that every 2xx is an answer of the conversation.
func (c *conversation) answers() (found []Violation) {
	for _, o := range c.ops {
		if _, isOwn := history.Number(o.Reply); o.Kind == history.Deliver && o.IsKnown() && !isOwn {
			found = append(found, c.violation(NotAnAnswer, []history.Op{o}, "%s was answered %q", o.SID, o.Body))
		}
	}
	return found
}
