package check

import (
	"slices"
	"testing"

	"go.uber.org/goleak"

	"smsession/internal/chaostest/history"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// kinds returns the kinds of the violations, each once, in the order of the checks.
func kinds(v Verdict) (all []Kind) {
	for _, one := range v.Violations {
		if !slices.Contains(all, one.Kind) {
			all = append(all, one.Kind)
		}
	}
	return all
}

// TestCheck checks histories that were written by hand. A direct check names the fault, and the model must find it,
// too.
func TestCheck(t *testing.T) {
	for _, row := range []struct {
		name, history string
		want          []Kind
	}{
		{"messages one after the other", "A 0-1 1\n B 2-3 2\n C 4-5 3\n read 6-7 3 A=1 B=2 C=3", nil},
		{"concurrent messages in any order", "A 0-3 2\n B 1-4 1\n read 6-7 2 A=2 B=1", nil},
		{"repeats get the first reply", "A 0-1 1\n A 0-2 1\n B 3-4 2\n A 5-6 1", nil},

		{"a repeat is counted again", "A 0-1 1\n A 2-3 2\n B 4-5 3", []Kind{CountedTwice, Gap, NoOrder}},
		{"a message is in the record twice", "A 0-1 1\n read 2-3 1 A=1 A=1", []Kind{CountedTwice}},
		{"a repeat gets other bytes", "A 0-1 1\n A 2-3 1 other", []Kind{OtherReply}},
		{"a reply is forgotten after two later ones", "A 0-1 1\n B 2-3 2\n C 4-5 3\n A 6-7 empty", nil},
		{"one of the later ones has no answer", "A 0-1 1\n X 0-?\n B 2-3 2\n A 6-7 empty", nil},
		{"a reply is forgotten too early", "A 0-1 1\n B 2-3 2\n A 4-5 empty\n C 6-7 3", []Kind{OtherReply}},
		{"two messages get the same number", "A 0-1 1\n B 2-4 2\n C 3-5 2", []Kind{LostUpdate, NoOrder}},
		{"two first messages begin two sessions", "A 0-2 1\n B 1-3 1", []Kind{LostUpdate, NoOrder}},
		{"a number goes to no message", "A 0-1 1\n B 2-3 3", []Kind{Gap, NoOrder}},
		{"the first number goes to no message", "A 0-1 2", []Kind{Gap, NoOrder}},
		{"a message without an answer explains a gap", "A 0-1 1\n X 2-?\n B 4-5 3", nil},
		{"it explains no gap before it was sent", "A 0-1 1\n B 2-3 3\n X 4-?", []Kind{Gap, NoOrder}},
		{"it explains only one gap", "A 0-1 1\n X 2-?\n B 4-5 3\n C 6-7 5", []Kind{Gap, NoOrder}},
		{"two lost deliveries of a message explain only one gap", "X 0-?\n X 0-?\n A 1-2 3", []Kind{Gap, NoOrder}},
		{"a message without an answer may take effect late", "X 0-?\n A 1-2 1\n B 3-4 2\n C 5-6 4", nil},
		{"it may take effect never", "X 0-?\n A 1-2 1\n read 3-4 1 A=1", nil},
		{"its repeat tells", "X 0-?\n A 1-2 2\n X 3-4 1", nil},
		{"its repeat tells otherwise", "X 0-?\n A 1-2 1\n X 3-4 2", nil},
		{"its repeat must not tell otherwise", "A 0-1 1\n X 2-?\n B 4-5 2\n X 6-7 2", []Kind{LostUpdate, NoOrder}},
		{"an answered message is missing", "A 0-1 1\n B 2-3 2\n read 4-5 1 A=1", []Kind{NotRecorded, NoOrder}},
		{"an answered message has another number in the record", "A 0-2 1\n B 1-3 2\n read 4-5 2 A=2 B=1",
			[]Kind{NotRecorded, NoOrder}},
		{"the number of the record is too large", "A 0-1 1\n read 2-3 2 A=1", []Kind{NoOrder}},
		{"a later message has a smaller number", "A 0-1 2\n B 2-3 1", []Kind{DeadTooSoon, NoOrder}},
		{"a later message has a smaller number than two", "A 0-5 1\n B 0-1 3\n C 2-3 2",
			[]Kind{WrongOrder, NoOrder}},

		{"STOP begins a new conversation", "A 0-1 1\n STOP S 2-3\n B 4-5 1\n read 6-7 1 A=1 S=0 B=1", nil},
		{"a repeat after STOP gets the first reply", "A 0-1 1\n B 2-3 2\n STOP S 4-5\n B 6-7 2\n C 8-9 1", nil},
		{"STOP has no effect", "A 0-1 1\n STOP S 2-3\n B 4-5 2", []Kind{Gap, NoOrder}},
		{"STOP without an answer has an effect or none", "A 0-1 1\n STOP S 2-?\n B 4-5 2\n C 6-7 1", nil},
		{"a repeat of STOP has no effect", "STOP S 0-1\n A 2-3 1\n STOP S 4-5\n B 6-7 2", nil},
		{"a repeat of STOP has an effect", "STOP S 0-1\n A 2-3 1\n STOP S 4-5\n B 6-7 1", []Kind{LostUpdate, NoOrder}},
		{"STOP and a message at once, in any order", "A 0-1 1\n STOP S 2-5\n B 3-4 2\n C 6-7 1", nil},
		{"a late STOP, with an end in between",
			"A 0-1 1\n STOP S 2-?\n B 3-4 2\n end 5-6 2\n C 7-8 1\n STOP S 9-10\n D 11-12 1", nil},
		{"an end begins a new conversation", "A 0-1 1\n end 2-3 1\n B 4-5 1\n read 6-7 1 A=1 B=1", nil},
		{"an end counts wrong", "A 0-1 1\n B 2-3 2\n end 4-5 1", []Kind{NoOrder}},
		{"a second end finds an ended session", "A 0-1 1\n end 2-3 1\n end 4-5 before\n read 6-7 ended A=1", nil},
		{"an end forgets the messages", "A 0-1 1\n end 2-3 1\n A 4-5 1\n B 6-7 2", []Kind{Gap, NoOrder}},
		{"an end loses a message at the same time", "A 0-1 1\n end 2-6 1\n B 3-4 2\n C 7-8 1", []Kind{NoOrder}},
		{"an end finds nothing", "A 0-1 1\n end 2-3 none", []Kind{NoOrder}},
		{"an end without an outcome", "A 0-1 1\n end 2-?\n B 4-5 1", nil},

		{"after the idle time, a session begins", "A 0-1 1\n B 13-14 1\n read 15-16 1 B=1 ttl=8", nil},
		{"after the idle time, the session goes on", "A 0-1 1\n B 13-14 2", []Kind{AliveTooLong, NoOrder}},
		{"after the idle time, the record is still there", "A 0-1 1\n read 13-14 1 A=1 ttl=0", []Kind{AliveTooLong, NoOrder}},
		{"before the idle time, a session begins", "A 0-1 1\n B 8-9 1", []Kind{LostUpdate, NoOrder}},
		{"before the idle time, the second session begins", "A 0-1 1\n B 2-3 2\n C 8-9 1",
			[]Kind{LostUpdate, DeadTooSoon, NoOrder}},
		{"before the idle time, the record is gone", "A 0-1 1\n read 2-3 none", []Kind{DeadTooSoon, NoOrder}},
		{"around the idle time, both are possible", "A 0-3 1\n B 11-12 1\n C 21-22 2\n D 31-32 1", nil},
		{"a session cannot expire twice at once", "A 0-1 1\n B 13-15 1\n C 13-15 1", []Kind{LostUpdate, NoOrder}},
		{"a late delivery may have renewed the session", "A 0-1 1\n A 2-?\n B 13-14 2", nil},
		{"a key lives for too long", "A 0-1 1\n read 5-6 1 A=1 ttl=10", []Kind{AliveTooLong}},
		{"a key lives for too short a time", "A 0-1 1\n read 2-3 1 A=1 ttl=3", []Kind{DeadTooSoon}},
		{"a message may be counted again after the idle time", "A 0-1 1\n B 2-3 2\n A 15-16 1\n B 17-18 2", nil},
		{"a message that is counted again explains a gap", "A 0-1 1\n B 15-16 1\n A 17-18 2\n C 19-20 3", nil},
		{"it is counted again even after an end", "A 0-1 1\n B 15-16 1\n end 17-18 1\n A 19-20 1\n C 21-22 2", nil},
		{"STOP may be counted again after the idle time, too",
			"A 0-1 1\n STOP S 2-3\n B 15-16 1\n STOP S 17-18\n C 19-20 1", nil},
		{"a lost STOP may be counted after the idle time",
			"A 0-1 1\n STOP S 2-?\n STOP S 3-4\n B 17-18 1\n C 19-20 2\n D 21-22 1", nil},
		{"two messages have the same number after a session that may have expired",
			"A 0-3 1\n B 11-12 1\n C 15-16 2\n D 17-18 2", []Kind{LostUpdate, NoOrder}},
		{"a number goes to no message after a session that may have expired",
			"A 0-3 1\n B 11-12 1\n C 15-16 2\n D 17-18 5", []Kind{Gap, NoOrder}},
		{"the numbers go on after a session that may have expired",
			"A 0-3 1\n B 11-12 2\n C 15-16 3\n D 17-18 4\n end 19-20 4\n E 21-22 1", nil},
		{"a lost delivery is counted after the idle time", "A 0-1 1\n A 2-?\n B 15-16 2\n C 17-18 3", nil},

		{"a full record has forgotten the first message",
			"A 0-1 1\n B 2-3 2\n C 4-5 3\n D 6-7 4\n read 8-9 4 B=2 C=3 D=4", nil},
		{"a full record has forgotten a lost delivery",
			"X 0-?\n A 1-2 2\n B 3-4 3\n C 5-6 4\n read 7-8 4 A=2 B=3 C=4", nil},
		{"a full record has forgotten a message that is not the oldest",
			"A 0-1 1\n B 2-3 2\n C 4-5 3\n D 6-7 4\n read 8-9 4 A=1 C=3 D=4", []Kind{NotRecorded}},
	} {
		t.Run(row.name, func(t *testing.T) {
			v := Check(parse(t, row.history), tenSeconds())
			if !slices.Equal(kinds(v), row.want) || v.Undecided {
				t.Errorf("the violations are %q, want %q", kinds(v), row.want)
				for _, one := range v.Violations {
					t.Logf("%s: %s\n%s", one.Kind, one.Text, one.Ops)
				}
			}
		})
	}
}

func TestCheckWithApp(t *testing.T) {
	withApp := tenSeconds()
	withApp.App = true
	for _, row := range []struct {
		name, history string
		want          []Kind
	}{
		{"an app that fails at STOP ends the session twice", "A 0-1 1\n STOP S 2-?\n B 4-5 1\n STOP S 6-7\n C 8-9 1", nil},
		{"it fails in the delivery that is answered", "A 0-1 1\n B 4-5 1\n STOP S 2-7\n C 8-9 1\n D 10-11 2", nil},
		{"it does not fail", "A 0-1 1\n STOP S 2-?\n B 4-5 2\n STOP S 6-7\n C 8-9 1", nil},
		{"it does not count the STOP", "A 0-1 1\n STOP S 2-?\n read 3-4 ended A=1", nil},
		{"it does not get a STOP that was counted", "A 0-1 1\n STOP S 2-3\n B 4-5 1\n STOP S 6-?\n C 8-9 1",
			[]Kind{LostUpdate, NoOrder}},
	} {
		t.Run(row.name, func(t *testing.T) {
			if v := Check(parse(t, row.history), withApp); !slices.Equal(kinds(v), row.want) || v.Undecided {
				t.Errorf("the violations are %q, want %q", kinds(v), row.want)
			}
		})
	}
	t.Run("without an app, STOP ends the session only once", func(t *testing.T) {
		h := parse(t, "A 0-1 1\n STOP S 2-?\n B 4-5 1\n STOP S 6-7\n C 8-9 1")
		if v := Check(h, tenSeconds()); !slices.Equal(kinds(v), []Kind{NoOrder}) {
			t.Errorf("the violations are %q", kinds(v))
		}
	})
}

func TestCheckAnswers(t *testing.T) {
	h := parse(t, "A 0-1 1")
	h.Ops[0].Reply = "Hello, thanks for message number one"
	if got := kinds(Check(h, tenSeconds())); !slices.Contains(got, NotAnAnswer) {
		t.Errorf("the violations are %q", got)
	}
}

// TestReduce hides a fault between operations that do not matter.
func TestReduce(t *testing.T) {
	h := parse(t, `A 0-1 1
		B 2-3 2
		X 2-?
		C 4-6 3
		D 5-7 3
		E 8-9 4
		F 10-11 5
		read 12-13 5 A=1 B=2 C=3 E=4 F=5`)
	var sids []string
	for _, v := range Check(h, tenSeconds()).Violations {
		if v.Kind == NoOrder {
			for _, o := range v.Ops.Ops {
				sids = append(sids, o.SID)
			}
		}
	}
	if !slices.Equal(sids, []string{"X", "C", "D"}) {
		t.Errorf("the reduced history has %q", sids)
	}
}

func TestCutHistory(t *testing.T) {
	r := history.NewRecorder("+15550000001")
	for _, o := range parse(t, "A 0-1 1\n A 0-?\n B 2-3 2").Ops {
		r.Add(o)
	}
	if before := r.Cut(); len(before.Ops) != 3 {
		t.Errorf("the history before is\n%s", before)
	}
	for _, o := range parse(t, "C 4-5 2\n D 6-7 3").Ops { // the delivery that was lost counted A again
		r.Add(o)
	}
	if v := Check(r.History(), tenSeconds()); len(v.Violations) > 0 {
		t.Errorf("the violations are %v", v.Violations)
	}
}
