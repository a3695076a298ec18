// Package history contains what the clients of a conversation saw: the operations, when each began and ended, and its
// outcome. It judges nothing; see package check. Only tests import it.
package history

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"smsession/internal/webhooktest"
)

// Kind is what an operation does.
type Kind string

// The kinds of operations.
const (
	Deliver Kind = "deliver" // one HTTP request with a message
	End     Kind = "end"     // `smsession end`
	Read    Kind = "read"    // the record and the pointer are read in Redis
)

// Never is the Return of an operation whose outcome is not known. It may take effect at any time after its Call, or
// never.
const Never = time.Duration(math.MaxInt64)

// Op is one operation. Times are since the beginning of the run, by the clock of the harness.
type Op struct {
	Kind   Kind
	Call   time.Duration // not later than the moment when the operation began
	Return time.Duration // not earlier than the moment when its outcome was known; Never if it is not known
	SID    string        // the MessageSid of a Deliver
	IsStop bool          // the message of a Deliver is STOP
	Reply  string        // the text of the answer to a Deliver; "" for a document without messages
	Body   string        // the bytes of the answer to a Deliver
	// Forgotten is when a Deliver was answered with a document without messages, because the service had forgotten the
	// reply; otherwise 0. Such an answer does not tell the outcome, so Return is Never.
	Forgotten time.Duration
	Via       string  // how the request was made, for the reader of a report
	Ended     Ending  // the outcome of an End
	Record    *Record // the outcome of a Read; nil if there is no session
}

// IsKnown reports whether the outcome of the operation is known.
func (o Op) IsKnown() bool { return o.Return != Never }

// Unknown returns the operation as if its outcome had not become known.
func (o Op) Unknown() Op {
	return Op{Kind: o.Kind, Call: o.Call, Return: Never, SID: o.SID, IsStop: o.IsStop, Via: o.Via}
}

// Ending is the outcome of an End.
type Ending struct {
	Found  bool // there was a session
	Before bool // it had ended before
	Count  int  // how many messages it had; 0 if it had ended before
}

// Record is a session as Redis has it.
type Record struct {
	Counter  int
	HasEnded bool
	Messages []Message // the oldest first
	// TTL is the shortest time to live of the record and the pointer, and LongestTTL is the longest.
	TTL, LongestTTL time.Duration
}

// Message is a message in a Record.
type Message struct {
	SID    string
	Number int // 0 if the message ended the conversation
}

// History is the operations of one conversation, in the order of their calls.
type History struct {
	From string
	Ops  []Op
}

// String returns one line for each operation.
func (h History) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", h.From)
	for _, o := range h.Ops {
		fmt.Fprintf(&b, "  %s\n", o)
	}
	return b.String()
}

// String returns the operation as a line.
func (o Op) String() string {
	until := "     ?   "
	if o.IsKnown() {
		until = fmt.Sprintf("%9.4f", o.Return.Seconds())
	}
	line := fmt.Sprintf("%9.4f - %s  %-7s ", o.Call.Seconds(), until, o.Kind)
	switch {
	case o.Kind == Deliver:
		line += o.SID
		if o.IsStop {
			line += " STOP"
		}
		if o.IsKnown() {
			line += fmt.Sprintf(" -> %q", o.Reply)
		}
	case !o.IsKnown():
	case o.Kind == End:
		line += fmt.Sprintf("%+v", o.Ended)
	case o.Record == nil:
		line += "no session"
	default:
		line += fmt.Sprintf("%+v", *o.Record)
	}
	return strings.TrimRight(line+"  "+o.Via, " ")
}

// Recorder collects the operations of a conversation. It is safe for concurrent use.
type Recorder struct {
	mu   sync.Mutex
	from string
	ops  []Op
}

// NewRecorder returns a recorder for the conversation of a sender.
func NewRecorder(from string) *Recorder { return &Recorder{from: from} }

// Add adds an operation.
func (r *Recorder) Add(o Op) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ops = append(r.ops, o)
}

// History returns the operations so far.
func (r *Recorder) History() History {
	r.mu.Lock()
	defer r.mu.Unlock()
	ops := slices.Clone(r.ops)
	slices.SortStableFunc(ops, func(a, b Op) int { return cmp.Compare(a.Call, b.Call) })
	return History{From: r.from, Ops: ops}
}

// Cut ends the history, because the conversation was erased, and begins the next one. Deliveries whose outcome is not
// known may still take effect, so they are also in the next history.
func (r *Recorder) Cut() History {
	before := r.History()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ops = slices.DeleteFunc(slices.Clone(before.Ops), func(o Op) bool { return o.IsKnown() || o.Forgotten > 0 })
	return before
}

// Number returns the number of a message from the text of its answer, and 0 for an answer without messages. It reports
// false for a text that is not one of the tutorial.
func Number(text string) (n int, isOwn bool) {
	if text == "" {
		return 0, true
	}
	return webhooktest.Number(text)
}
