package load

import (
	"strings"
	"testing"

	"smsession/internal/phone"
)

// answers returns a delivery that was answered with messages. A message that begins with http is a picture.
func answers(texts ...string) *phone.Delivery {
	d := &phone.Delivery{}
	for _, text := range texts {
		r := phone.Reply{SID: phone.NewSID(), Body: text}
		if strings.HasPrefix(text, "http") {
			r.Body, r.Media = "", []string{text}
		}
		d.Replies = append(d.Replies, r)
	}
	return d
}

// fails returns a delivery that failed at the webhook, and was answered by the fallback URL.
func fails(text string) *phone.Delivery {
	d := answers(text)
	d.Findings = lost(11200).Findings
	return d
}

func TestRepeatedMessage(t *testing.T) {
	rows := []struct {
		name   string
		rounds [][]*phone.Delivery // of one message; each later round also has a new message
		others string              // the texts of the violation; "" if there must be none
		silent int
	}{
		{"the same reply is right", [][]*phone.Delivery{{answers("a")}, {answers("a")}}, "", 0},
		{"another text is found", [][]*phone.Delivery{{answers("a")}, {answers("b")}}, `"a", then "b"`, 0},
		{"another text is found at once", [][]*phone.Delivery{{answers("a"), answers("b")}}, `"a", then "b"`, 0},
		{"another text is found after the same one",
			[][]*phone.Delivery{{answers("a")}, {answers("a")}, {answers("b")}}, `"a", then "b"`, 0},
		{"the first reply is compared, not the latest",
			[][]*phone.Delivery{{answers("a")}, {answers("b")}, {answers("a")}}, `"a", then "b"`, 0},
		{"one space is another text", [][]*phone.Delivery{{answers("a")}, {answers("a ")}}, `"a", then "a "`, 0},
		{"another picture is found", [][]*phone.Delivery{{answers("http://a")}, {answers("http://b")}},
			`"http://a", then "http://b"`, 0},
		{"a second message is found", [][]*phone.Delivery{{answers("a")}, {answers("a", "b")}},
			`"a", then "a" + "b"`, 0},
		{"no reply twice is right", [][]*phone.Delivery{{answers()}, {answers()}}, "", 0},
		{"a repeat may be ignored", [][]*phone.Delivery{{answers("a")}, {answers()}, {answers()}}, "", 2},
		{"a repeat may be ignored at once, and its answer may be the first",
			[][]*phone.Delivery{{answers(), answers("a"), answers()}, {answers("a")}}, "", 2},
		{"a webhook that answers only the repeat acts twice", [][]*phone.Delivery{{answers()}, {answers("a")}},
			`without a text, then "a"`, 0},
		{"a failure is no answer", [][]*phone.Delivery{{fails("Sorry.")}, {answers("a")}, {fails("Sorry.")},
			{nil}, {answers("a")}}, "", 0},
		{"another text is found after a failure",
			[][]*phone.Delivery{{fails("a")}, {answers("a")}, {answers("b")}}, `"a", then "b"`, 0},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			c := newConversation("+999000000000000", nil, expects(ExpectAuto))
			compared := -1 // the first answer is not compared
			for i, round := range row.rounds {
				c.begin(1, len(round)+min(i, 1))
				if i > 0 {
					c.record(int32(i), answers("new"))
				}
				for _, d := range round {
					if c.record(0, d); d != nil && d.OK() {
						compared++
					}
				}
			}
			p := newProof(expects(ExpectAuto))
			p.examine(c)
			p.conclude()
			text := ""
			if len(p.Violations) > 0 {
				text = strings.TrimPrefix(p.Violations[0].Text, c.sids.of(0)+" was answered ")
			}
			if text != row.others || p.Found[AnotherReply] != len(p.Violations) ||
				p.Silent != row.silent || p.Repeats != compared || p.Holds != (row.others == "") {
				t.Errorf("%q, %+v", text, p)
			}
		})
	}
}

// The counts show more than the texts: a recount is reported once, as such.
func TestARecountIsNoOtherReply(t *testing.T) {
	c := newConversation("+999000000000000", nil, expects(`number (\d+)`))
	c.begin(1, 3)
	for _, text := range []string{"number 1", "number 2", "It is number 1"} {
		c.record(0, answers(text))
	}
	p := newProof(c.expect)
	p.examine(c)
	if p.Found[CountedTwice] != 1 || p.Found[AnotherReply] != 1 || p.Repeats != 2 {
		t.Errorf("%+v", p)
	}
}

// A webhook that does not count is proved by its repeats.
func TestAWebhookThatDoesNotCount(t *testing.T) {
	rows := []struct {
		name, expect string
		wrong        func(s *server)
		want         map[Kind]bool
	}{
		{"random texts pass if a repeat gets the same one", ExpectAuto, func(s *server) { s.chats = true }, nil},
		{"the same text for all messages proves nothing", ExpectAuto, func(s *server) { s.noCounts = true }, map[Kind]bool{}},
		{"the same text for all passes if nothing is expected", ExpectNone, func(s *server) { s.noCounts = true }, nil},
		{"another text for a repeat is found", ExpectAuto, func(s *server) { s.chats, s.forgets = true, true },
			map[Kind]bool{AnotherReply: true}},
		{"another text for a repeat is found if nothing is expected", ExpectNone,
			func(s *server) { s.chats, s.forgets = true, true }, map[Kind]bool{AnotherReply: true}},
		{"the current text for a repeat is found", ExpectAuto, func(s *server) { s.chats, s.corrects = true, true },
			map[Kind]bool{AnotherReply: true}},
		{"a count must come if it is expected", ExpectCount, func(s *server) { s.chats = true },
			map[Kind]bool{NoCount: true}},
		{"counts are checked if the texts come", ExpectAuto, func(s *server) { s.forgets = true },
			map[Kind]bool{CountedTwice: true}},
		{"counts are not checked if nothing is expected", ExpectNone, func(s *server) { s.reorders = true }, nil},
		{"counts are found by a regular expression", `number (\d+)|new message`, func(s *server) { s.reorders = true },
			map[Kind]bool{WentBack: true, SkippedCount: true}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			s := newServer()
			row.wrong(s)
			o := usualLoad(s)
			o.Expect = expects(row.expect)
			report, err := runInFakeTime(t, o)
			if err != nil || report.Proof.Holds != (row.want == nil) || (report.Err() == nil) != (row.want == nil) {
				t.Fatalf("%v: %s", err, report.Proof.Sentence)
			}
			for kind := range report.Proof.Found {
				if !row.want[kind] {
					t.Errorf("%s: %v", kind, report.Proof.Violations)
				}
			}
		})
	}
}
