package load

import (
	"cmp"
	"fmt"
	"slices"
)

// Kind is one way of not counting every message once.
type Kind string

// The kinds of violation.
const (
	LostUpdate    Kind = "lost update"    // two messages got the same count
	ForkedSession Kind = "forked session" // two messages were each the first
	CountedTwice  Kind = "counted twice"  // two deliveries of a message got different counts
	SkippedCount  Kind = "skipped count"  // a count went to no message
	WentBack      Kind = "went back"      // a message got a lower count than one that was sent after its answer
	NoCount       Kind = "no count"       // an answer without a count
)

// Proof is what the replies prove of the counting. A conversation passes if one order of its messages explains every
// reply: each message in it takes effect once, after it was sent first and before it was answered first, and its answers
// all say its place. A message of which no delivery was answered may have a place, and may have it late, or none.
//
// That is linearizability, decided exactly: see examine. It is sound for every server that keeps its word, whatever
// overlaps and whichever replies are lost.
type Proof struct {
	Expected   Expectation  `json:"expected"`
	Holds      bool         `json:"holds"` // messages were counted and nothing was found; with ExpectNone nothing is looked for
	Sentence   string       `json:"sentence"`
	Counted    int          `json:"counted"`    // messages with a count
	Unanswered int          `json:"unanswered"` // messages without any answer
	Found      map[Kind]int `json:"found"`
	Violations []Violation  `json:"violations"` // the first of them
}

// Violation is one thing that cannot be explained.
type Violation struct {
	Kind Kind   `json:"kind"`
	From string `json:"from"` // the conversation's sender
	Text string `json:"text"` // what happened
}

// listed is how many violations are told one by one.
const listed = 10

// Empty reports whether there was nothing to make the proof from, though one was asked for.
func (p *Proof) Empty() bool {
	return p.Expected == ExpectCounter && p.Counted == 0 && len(p.Found) == 0
}

func newProof(e Expectation) *Proof {
	return &Proof{Expected: e, Holds: true, Found: map[Kind]int{}, Violations: []Violation{}}
}

// given is a count that a message got.
type given struct {
	count, message int32
	again          bool // it is not the message's first
}

// examine adds a conversation that has no delivery under way.
func (p *Proof) examine(c *conversation) {
	if p.Expected == ExpectNone {
		return
	}
	if c.mutes > 0 {
		p.add(c.mutes, NoCount, c, "%s was answered %q", c.sid(c.muted), c.mute)
	}
	counts, unanswered := c.counts()
	p.Counted += len(c.messages) - len(unanswered)
	p.Unanswered += len(unanswered)
	p.explain(c, counts, unanswered)
}

// counts returns all counts that were given, in their order, and the messages without one, in the order of sending.
func (c *conversation) counts() (counts []given, unanswered []int32) {
	counts = make([]given, 0, len(c.messages)+len(c.recounts))
	for i, m := range c.messages {
		if m.count > 0 {
			counts = append(counts, given{count: m.count, message: int32(i)})
		} else {
			unanswered = append(unanswered, int32(i))
		}
	}
	for _, r := range c.recounts {
		counts = append(counts, given{count: r.count, message: r.message, again: true})
	}
	// Stable: where a count was given to several, first answers come first.
	slices.SortStableFunc(counts, func(a, b given) int { return cmp.Compare(a.count, b.count) })
	return counts, unanswered
}

// explain looks for the order. It lets every count take effect in the earliest turn that it can: not before those below it
// and not before its message was sent. Where that is too late for the answer, so is every other choice. A count that
// nobody was given takes the unanswered message that was sent first: any other would make those above it later still.
func (p *Proof) explain(c *conversation, counts []given, unanswered []int32) {
	s := sequence{conversation: c, unanswered: unanswered}
	var below given
	for _, g := range counts {
		switch m := c.messages[g.message]; {
		case g.again:
			p.add(1, CountedTwice, c, "%s got %d, then %d", c.sid(g.message), m.count, g.count)
		case g.count == below.count:
			p.add(1, shared(g.count), c, "%s and %s both got %d", c.sid(below.message), c.sid(g.message), g.count)
		}
		if g.count == below.count {
			continue
		}
		if !s.fill(int(g.count - below.count - 1)) {
			p.add(1, SkippedCount, c, "%s got %d, and nothing explains where %s went", c.sid(g.message), g.count, span(below.count+1, g.count-1))
		}
		if !g.again && !s.put(g.message) {
			p.add(1, WentBack, c, "%s got %d, but a lower count went to %s, which was sent after that answer", c.sid(g.message), g.count, c.sid(s.by))
		}
		below = g
	}
}

// sequence is the order of messages as far as it is known.
type sequence struct {
	*conversation
	unanswered []int32 // those that have no place yet, in the order of sending
	turn       int32   // the earliest turn in which the next message can take effect
	by         int32   // the message that makes it so late
}

// put lets a message take effect next. It reports whether that is early enough for its answer.
func (s *sequence) put(message int32) bool {
	m := s.messages[message]
	inTime := s.turn <= m.answered
	if m.sent > s.turn {
		s.turn, s.by = m.sent, message
	}
	return inTime
}

// fill lets unanswered messages take effect next. It reports whether there are enough of them.
func (s *sequence) fill(missing int) bool {
	n := min(missing, len(s.unanswered))
	for _, message := range s.unanswered[:n] {
		s.put(message)
	}
	s.unanswered = s.unanswered[n:]
	return n == missing
}

func shared(count int32) Kind {
	if count == 1 {
		return ForkedSession
	}
	return LostUpdate
}

// span is a range of counts in words.
func span(from, to int32) string {
	if from == to {
		return fmt.Sprint(from)
	}
	return fmt.Sprintf("%d to %d", from, to)
}

func (c *conversation) sid(message int32) string { return c.sids.of(int(message)) }

// add counts n violations and tells of them once, while there are few.
func (p *Proof) add(n int, k Kind, c *conversation, format string, args ...any) {
	p.Holds = false
	p.Found[k] += n
	if len(p.Violations) < listed {
		p.Violations = append(p.Violations, Violation{Kind: k, From: c.from, Text: fmt.Sprintf(format, args...)})
	}
}
