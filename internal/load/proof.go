package load

import (
	"cmp"
	"fmt"
	"slices"
	"smsession/internal/phone"
)

// Kind is a way in which a message was not processed exactly once.
type Kind string

// The kinds of violations.
const (
	LostUpdate    Kind = "lost update"    // two messages got the same count
	ForkedSession Kind = "forked session" // two messages both got the count 1
	CountedTwice  Kind = "counted twice"  // two deliveries of a message got different counts
	SkippedCount  Kind = "skipped count"  // a message got a count, but no message can have got the count below it
	WentBack      Kind = "went back"      // a message got a lower count than a message that was answered earlier
	NoCount       Kind = "no count"       // an answer contained no count

	AnotherReply Kind = "another reply to a repeat" // and not another count
)

// Proof is the result of checking the replies. It has two parts.
//
// Every webhook must give the same reply to a message that is delivered again, as the sender would see it. A repeat
// without a reply is no violation, because a webhook may ignore repeats on purpose.
//
// If the webhook counts, a conversation passes if one order of its messages explains every reply: each message takes
// effect once, not before it was first sent and not after it was first answered, and all its answers contain its
// position in the order. A message without an answer may be at any position after it was sent, or at none. This
// property is called linearizability, and the proof decides it exactly: see explain. A correct server always passes,
// even if messages overlap and replies are lost.
type Proof struct {
	Expected   Expectation  `json:"expected"`
	Counting   bool         `json:"counting"` // the counts were checked
	Decision   string       `json:"decision"` // why the counts were checked or not
	Holds      bool         `json:"holds"`    // there is no violation, and something was proved or ExpectNone
	Sentence   string       `json:"sentence"`
	Repeats    int          `json:"repeats"`        // answers that were compared with the first answer to their message
	Silent     int          `json:"silent_repeats"` // those without a reply, although there was one before
	Counted    int          `json:"counted"`        // messages that got a count
	Unanswered int          `json:"unanswered"`     // messages that got no count; 0 unless Counting
	Found      map[Kind]int `json:"found"`
	Violations []Violation  `json:"violations"` // the first 10

	uncounted []Violation // the first 10 answers without a count; they are violations if Counting
	noCounts  int         // how many there were
	advanced  bool        // a message got a count above 1
	sample    *answered   // the first answer of a conversation
	varied    bool        // another message had another first answer
	tried     []string    // what the two messages before the load were answered, as quoted
}

// Violation is one reply that no order explains.
type Violation struct {
	Kind Kind   `json:"kind"`
	From string `json:"from"` // the sender of the conversation
	Text string `json:"text"` // what happened
}

// listed is how many violations a Proof describes one by one.
const listed = 10

// Empty reports whether there was nothing to check, although it was asked for.
func (p *Proof) Empty() bool {
	switch {
	case len(p.Found) > 0 || p.Expected.counts == nil:
		return false
	case p.Counting:
		return p.Counted == 0
	}
	return p.Repeats == 0 || !p.varied
}

func newProof(e Expectation) *Proof {
	return &Proof{Expected: e, Holds: true, Found: map[Kind]int{}}
}

// examine checks a conversation whose deliveries have all ended.
func (p *Proof) examine(c *conversation) {
	p.compare(c)
	p.Repeats += c.repeats
	p.Silent += c.silent
	if c.others.n > 0 {
		p.add(c.others.n, AnotherReply, c, "%s", c.others.example)
	}
	if c.uncounted.n > 0 {
		p.noCounts += c.uncounted.n
		p.uncounted = append(p.uncounted, Violation{NoCount, c.from, c.uncounted.example})
		p.uncounted = p.uncounted[:min(len(p.uncounted), listed)]
	}
	answers, unanswered := c.answers()
	p.Counted += len(c.messages) - len(unanswered)
	p.Unanswered += len(unanswered)
	p.advanced = p.advanced || len(answers) > 0 && answers[len(answers)-1].count > 1
	p.explain(&order{conversation: c, unanswered: unanswered}, answers)
}

// compare finds out whether the messages of another conversation got another reply. If all messages get the same one,
// then so do repeats, whatever they change.
func (p *Proof) compare(c *conversation) {
	if p.sample == nil {
		p.sample = c.sample
	}
	p.varied = p.varied || c.varied ||
		c.sample != nil && !phone.SameReplies(p.sample.replies, c.sample.replies)
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
