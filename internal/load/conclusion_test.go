package load

import (
	"smsession/internal/phone"
	"strings"
	"testing"
)

func TestSentence(t *testing.T) {
	const auto, count, none = ExpectAuto, ExpectCount, ExpectNone
	inOrder := []message{answeredWith(1, 1, 1), answeredWith(2, 2, 2)}
	rows := []struct {
		name, expected, want, failure string // failure is the end of the error
		messages                      []message
		repeats, silent, others       int
		same                          bool // all messages get the same reply
	}{
		{"all messages are counted", count, "it holds: 2 messages answered, each counted exactly once", "", inOrder, 0, 0, 0, false},
		{"one message has no answer", count, "it holds: 1 message answered, each counted exactly once; " +
			"1 without an answer, which may have been counted or not", "", []message{answeredWith(1, 1, 1), unanswered(2)},
			0, 0, 0, false},
		{"no message is answered", count, "there is nothing to prove: no message got a count",
			"nothing was proved: no message got a count", []message{unanswered(1)}, 0, 0, 0, false},
		{"the session is forked", count, "it fails: forked session (1)",
			"the proof fails: some messages were not counted exactly once",
			[]message{answeredWith(1, 1, 1), answeredWith(1, 1, 1)}, 0, 0, 0, false},
		{"a webhook that counts is recognised", auto, "it holds: 2 messages answered, each counted exactly once", "",
			inOrder, 0, 0, 0, false},
		{"repeats get the same reply", auto, "it holds: 7 repeats got the same reply as the first time", "",
			[]message{unanswered(1)}, 7, 0, 0, false},
		{"some repeats get no reply", auto, "it holds: no repeat got another reply, but 3 of 7 repeats got none", "",
			[]message{unanswered(1)}, 7, 3, 0, false},
		{"a repeat gets another reply", auto, "it fails: another reply to a repeat (2)",
			"the proof fails: a resent message would act twice", []message{unanswered(1)}, 7, 3, 2, false},
		{"no repeat is answered", auto, "there is nothing to prove: no message was sent again and answered",
			"nothing was proved: no message was sent again and answered", []message{unanswered(1)}, 0, 0, 0, false},
		{"nothing is expected, and no repeat is answered", none,
			"nothing was checked: no message was sent again and answered", "", []message{unanswered(1)}, 0, 0, 0, false},
		{"nothing is expected, and a repeat gets another reply", none, "it fails: another reply to a repeat (1)",
			"the proof fails: a resent message would act twice", []message{unanswered(1)}, 1, 0, 1, false},
		{"every message gets the same reply", auto, `there is nothing to prove: every message was answered "Send an order.", ` +
			"so a repeat that acts again would not show. --param 'Body=…' sends words that your webhook acts on, and " +
			"--expect none accepts this", `nothing was proved: every message was answered "Send an order.", ` +
			"so a repeat that acts again would not show. --param 'Body=…' sends words that your webhook acts on, and " +
			"--expect none accepts this", []message{unanswered(1)}, 7, 0, 0, true},
		{"nothing is expected, and every message gets the same reply", none,
			"it holds: 7 repeats got the same reply as the first time", "", []message{unanswered(1)}, 7, 0, 0, true},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			p := newProof(expects(row.expected))
			c := newConversation("+999000000000000", nil, p.Expected)
			c.messages, c.repeats, c.silent, c.others.n = row.messages, row.repeats, row.silent, row.others
			c.sample, c.varied = &answered{replies: []phone.Reply{{Body: "Send an order."}}}, !row.same
			p.examine(c)
			r := newReport(Asked{}, newResults(), p, 1, false)
			failure := ""
			if err := r.Err(); err != nil {
				failure = err.Error()
			}
			if p.Sentence != row.want || failure != row.failure || p.Holds == (failure != "") {
				t.Errorf("holds %t, %q, %q", p.Holds, p.Sentence, failure)
			}
		})
	}
}

func TestDecision(t *testing.T) {
	const doesNotCount = ". The webhook does not seem to count: no reply had a count above 1. --expect none checks only " +
		"whether repeats get the same reply"
	always1 := func(s *server) {
		s.chats = true
		for n := range 1000 {
			s.texts[n] = "Hello, thanks for the new message."
		}
	}
	chats := func(s *server) { s.chats = true }
	rows := []struct {
		name, expect, want string
		with               func(s *server)
	}{
		{"the tutorial's texts come", ExpectAuto,
			"checked, because the replies are those of Twilio's tutorial", nil},
		{"the tutorial's texts come, but do not count", ExpectAuto,
			"checked, because the replies are those of Twilio's tutorial" + doesNotCount, always1},
		{"other texts come", ExpectAuto, `not checked, because the two messages before the load were answered ` +
			`"Good day." and "Good day."; if a reply contains the number of messages, --expect 'number (\d+)' finds and ` +
			`checks it`, func(s *server) { s.noCounts = true }},
		{"a failure decides nothing", ExpectAuto, "not checked, because a message before the load failed",
			func(s *server) { s.errors = 1 }},
		{"the tutorial is expected", ExpectCount, "checked, because of --expect count", nil},
		{"the tutorial is expected, but other texts come", ExpectCount,
			"checked, because of --expect count" + doesNotCount, chats},
		{"another text is expected, but does not come", `item (\d+)`,
			`checked, because of --expect 'item (\d+)'` + doesNotCount, nil},
		{"nothing is expected", ExpectNone, "not checked, because of --expect none", nil},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			s := newServer()
			if row.with != nil {
				row.with(s)
			}
			o := usualLoad(s)
			o.Messages, o.Expect = 100, expects(row.expect)
			report, err := runInFakeTime(t, o)
			if err != nil || report.Proof.Decision != row.want {
				t.Errorf("%v: %q", err, report.Proof.Decision)
			}
			if checked := strings.HasPrefix(report.Proof.Decision, "checked"); report.Proof.Counting != checked {
				t.Errorf("counting: %t", report.Proof.Counting)
			}
		})
	}
}
