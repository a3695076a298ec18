package load

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Kind is a way in which a message was not counted exactly once.
type Kind string

// The kinds of violations.
const (
	LostUpdate    Kind = "lost update"    // two messages got the same count
	ForkedSession Kind = "forked session" // two messages both got the count 1
	CountedTwice  Kind = "counted twice"  // two deliveries of a message got different counts
	SkippedCount  Kind = "skipped count"  // a message got a count, but no message can have got the count below it
	WentBack      Kind = "went back"      // a message got a lower count than a message that was answered earlier
	NoCount       Kind = "no count"       // an answer contained no count
)

// Proof is the result of checking the replies. A conversation passes if one order of its messages explains every reply:
// each message takes effect once, not before it was first sent and not after it was first answered, and all its answers
// contain its position in the order. A message without an answer may be at any position after it was sent, or at none.
//
// This property is called linearizability, and the proof decides it exactly: see explain. A correct server always
// passes, even if messages overlap and replies are lost.
type Proof struct {
	Expected   Expectation  `json:"expected"`
	Holds      bool         `json:"holds"` // there is no violation and at least one count; always true with ExpectNone
	Sentence   string       `json:"sentence"`
	Counted    int          `json:"counted"`    // messages that got a count
	Unanswered int          `json:"unanswered"` // messages that got no count
	Found      map[Kind]int `json:"found"`
	Violations []Violation  `json:"violations"` // the first 10
}

// Violation is one reply that no order explains.
type Violation struct {
	Kind Kind   `json:"kind"`
	From string `json:"from"` // the sender of the conversation
	Text string `json:"text"` // what happened
}

// listed is how many violations a Proof describes one by one.
const listed = 10

// Empty reports whether the replies were to be checked, but no message was answered.
func (p *Proof) Empty() bool {
	return p.Expected == ExpectCounter && p.Counted == 0 && len(p.Found) == 0
}

func newProof(e Expectation) *Proof {
	return &Proof{Expected: e, Holds: true, Found: map[Kind]int{}}
}

// examine checks a conversation whose deliveries have all ended.
func (p *Proof) examine(c *conversation) {
	if p.Expected == ExpectNone {
		return
	}
	if c.uncounted > 0 {
		p.add(c.uncounted, NoCount, c, "%s", c.example)
	}
	answers, unanswered := c.answers()
	p.Counted += len(c.messages) - len(unanswered)
	p.Unanswered += len(unanswered)
	p.explain(&order{conversation: c, unanswered: unanswered}, answers)
}

// answer is a count that a message got.
type answer struct {
	count, message int32
	repeated       bool // it is not the first answer to the message
}

// answers returns all answers sorted by their count, and the messages without an answer in the order of sending.
func (c *conversation) answers() (answers []answer, unanswered []int32) {
	answers = make([]answer, 0, len(c.messages)+len(c.recounts))
	for i, m := range c.messages {
		if m.count > 0 {
			answers = append(answers, answer{count: m.count, message: int32(i)})
		} else {
			unanswered = append(unanswered, int32(i))
		}
	}
	for _, r := range c.recounts {
		answers = append(answers, answer{count: r.count, message: r.message, repeated: true})
	}
	// A stable sort puts the first answers before the others with the same count.
	slices.SortStableFunc(answers, func(a, b answer) int { return cmp.Compare(a.count, b.count) })
	return answers, unanswered
}

// explain looks for an order of the messages. It lets every count take effect in the earliest possible round: not
// before the lower counts, and not before its message was sent. If that round is too late for the answer, every other
// choice is too late as well. A count that is in no answer goes to the unanswered message that was sent first, because
// no other message would let the higher counts take effect earlier.
func (p *Proof) explain(o *order, answers []answer) {
	c := o.conversation
	var below answer
	for _, a := range answers {
		sid := c.sids.of(a.message)
		switch {
		case a.repeated:
			p.add(1, CountedTwice, c, "%s got %d, then %d", sid, c.messages[a.message].count, a.count)
		case a.count == below.count && a.count == 1:
			p.add(1, ForkedSession, c, "%s and %s both got 1", c.sids.of(below.message), sid)
		case a.count == below.count:
			p.add(1, LostUpdate, c, "%s and %s both got %d", c.sids.of(below.message), sid, a.count)
		}
		if a.count == below.count {
			continue
		}
		if skipped := a.count - below.count - 1; !o.addUnanswered(int(skipped)) {
			p.add(1, SkippedCount, c, "%s got %d, but %s below it went to no message",
				sid, a.count, several(int(skipped), "count", "counts"))
		}
		if !a.repeated && !o.add(a.message) {
			p.add(1, WentBack, c, "%s got %d, but a lower count went to %s, which was sent after that answer",
				sid, a.count, c.sids.of(o.latest))
		}
		below = a
	}
}

// order is the beginning of an order of messages, as far as explain has built it.
type order struct {
	*conversation
	unanswered []int32 // messages that are not in the order yet; the one that was sent first is the first
	round      int32   // the earliest round in which the next message can take effect
	latest     int32   // the message that makes this round the earliest one
}

// add adds a message to the order. It reports whether the message takes effect early enough for its answer.
func (o *order) add(message int32) bool {
	m := o.messages[message]
	inTime := o.round <= m.answered
	if m.sent > o.round {
		o.round, o.latest = m.sent, message
	}
	return inTime
}

// addUnanswered adds the first n unanswered messages to the order. It reports whether there were n of them.
func (o *order) addUnanswered(n int) bool {
	some := o.unanswered[:min(n, len(o.unanswered))]
	for _, message := range some {
		o.add(message)
	}
	o.unanswered = o.unanswered[len(some):]
	return len(some) == n
}

// add counts n violations, and lists them as one entry unless the list is full.
func (p *Proof) add(n int, k Kind, c *conversation, format string, args ...any) {
	p.Holds = false
	p.Found[k] += n
	if len(p.Violations) < listed {
		p.Violations = append(p.Violations, Violation{Kind: k, From: c.from, Text: fmt.Sprintf(format, args...)})
	}
}

// found returns the number of violations.
func (p *Proof) found() (n int) {
	for _, count := range p.Found {
		n += count
	}
	return n
}

// conclude sets Holds and Sentence. It must be called after examine was called for all conversations.
func (p *Proof) conclude() {
	p.Holds = p.Holds && !p.Empty()
	p.Sentence = p.sentence()
}

// sentence returns the result of the proof.
func (p *Proof) sentence() string {
	switch {
	case p.Expected == ExpectNone:
		return "the replies were not checked"
	case p.Empty():
		return "there is nothing to prove: no message got a count"
	case !p.Holds:
		var kinds []string
		for _, k := range slices.Sorted(maps.Keys(p.Found)) {
			kinds = append(kinds, english().Sprintf("%s (%d)", k, p.Found[k]))
		}
		return "it fails: " + strings.Join(kinds, ", ")
	}
	answered := several(p.Counted, "message", "messages")
	text := "it holds: " + answered + " answered, each counted once, none lost, none doubled"
	if p.Unanswered > 0 {
		text += english().Sprintf("; %d without an answer, which may have been counted or not", p.Unanswered)
	}
	return text
}
