package texting_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"smsession/internal/cookies"
	"smsession/internal/phone"
	"smsession/internal/texting"
)

func TestMessages(t *testing.T) {
	owl := []phone.Media{{URL: "https://demo.twilio.com/owl.png", ContentType: "image/png"}}
	rows := []struct {
		name, line string
		want       []phone.Message
	}{
		{"a text is sent as it is", "  hi there ", []phone.Message{{Body: "  hi there "}}},
		{"two slashes send a text that begins with one slash", "//again", []phone.Message{{Body: "/again"}}},
		{"a slash that is not the first character is part of a text", "and/or", []phone.Message{{Body: "and/or"}}},
		{"a text may have several lines", "one\ntwo", []phone.Message{{Body: "one\ntwo"}}},
		{"bytes that are not UTF-8 become U+FFFD", "a\xffb", []phone.Message{{Body: "a\uFFFDb"}}},
		{"a blank line sends nothing", " \t ", nil},
		{"/stop sends STOP", "/stop", []phone.Message{{Body: "STOP"}}},
		{"/forge sends its text with a wrong signature", "/forge hi there",
			[]phone.Message{{Body: "hi there", Forged: true}}},
		{"/mms sends a picture", "/mms", []phone.Message{{Media: owl}}},
		{"/mms takes a text", "/mms look at this", []phone.Message{{Body: "look at this", Media: owl}}},
		{"/mms takes a URL", "/mms https://example.com/a.gif?size=9", []phone.Message{
			{Media: []phone.Media{{URL: "https://example.com/a.gif?size=9", ContentType: "image/gif"}}}}},
		{"/mms takes a URL and a text", "/mms http://example.com/a what is it", []phone.Message{
			{Body: "what is it", Media: []phone.Media{{URL: "http://example.com/a", ContentType: "application/octet-stream"}}}}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			var h echoPhone
			_, tally := run(t, texting.Person{Phone: &h}, row.line)
			for i := range h.sent {
				h.sent[i].SID = ""
			}
			if !slices.EqualFunc(h.sent, row.want, equal) || tally != (texting.Tally{Sent: len(row.want)}) {
				t.Errorf("sent %+v, want %+v; %+v", h.sent, row.want, tally)
			}
		})
	}
}

func equal(a, b phone.Message) bool {
	return a.Body == b.Body && a.Forged == b.Forged && a.SID == b.SID && slices.Equal(a.Media, b.Media)
}

func TestInvalidLineIsRejected(t *testing.T) {
	rows := []struct{ name, line, want string }{
		{"an unknown command", "/S3cr3t", "no such command"},
		{"a command in capitals", "/AGAIN S3cr3t", "no such command"},
		{"a slash by itself", "/", "no such command"},
		{"an argument of a command that takes none", "/again S3cr3t", "takes no arguments"},
		{"a burst of 0 messages", "/burst 0", "from 1 to 100"},
		{"a burst of too many messages", "/burst 101 S3cr3t", "from 1 to 100"},
		{"a time without a unit", "/skip 4", "a time such as 4h"},
		{"a text instead of a time", "/skip S3cr3t", "a time such as 4h"},
		{"a negative time", "/skip -4h", "a time such as 4h"},
		{"a forged message without a text", "/forge", "the text to send"},
		{"/again before the first message", "/again", "no message yet"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			var h echoPhone
			shown, tally := run(t, texting.Person{Phone: &h}, row.line, "/skip 1h")
			if !strings.Contains(shown, row.want) || strings.Contains(shown, "S3cr3t") {
				t.Errorf("it shows %q", shown)
			}
			if len(h.sent) > 0 || tally != (texting.Tally{InvalidLines: 1}) || h.skipped != time.Hour {
				t.Errorf("sent %+v; %+v; skipped %v", h.sent, tally, h.skipped)
			}
			if err := texting.Check([]string{"hi", row.line}); row.line != "/again" &&
				(err == nil || !strings.HasPrefix(err.Error(), "text 2 cannot be sent: ") ||
					!strings.Contains(err.Error(), row.want)) {
				t.Errorf("Check: %v", err)
			}
		})
	}
}

func TestAgain(t *testing.T) {
	var h echoPhone
	run(t, texting.Person{Phone: &h}, "one", "two", "/again", "/forge three", "/again", "/mms four", "/again")
	want := []string{"one", "two", "two", "three", "two", "four", "four"}
	if !slices.Equal(h.bodies(), want) {
		t.Fatalf("sent %q, want %q", h.bodies(), want)
	}
	for _, same := range [][2]int{{1, 2}, {1, 4}, {5, 6}} {
		if a, b := h.sent[same[0]], h.sent[same[1]]; !equal(a, b) {
			t.Errorf("%+v was sent again as %+v", a, b)
		}
	}
	if h.sent[4].Forged || h.sent[0].SID == h.sent[1].SID {
		t.Errorf("sent %+v", h.sent)
	}
}

func TestBurst(t *testing.T) {
	rows := []struct {
		line string
		want []string
	}{
		{"/burst", []string{"1 of 5", "2 of 5", "3 of 5", "4 of 5", "5 of 5"}},
		{"/burst 2", []string{"1 of 2", "2 of 2"}},
		{"/burst 3 are you there", []string{"are you there", "are you there", "are you there"}},
		{"/burst hi", []string{"hi", "hi", "hi", "hi", "hi"}},
	}
	for _, row := range rows {
		t.Run(row.line, func(t *testing.T) {
			h := echoPhone{overlap: len(row.want), everyone: make(chan struct{})}
			shown, tally := run(t, texting.Person{Phone: &h}, row.line)
			got := h.bodies()
			slices.Sort(got)
			if !slices.Equal(got, row.want) || tally != (texting.Tally{Sent: len(row.want)}) {
				t.Errorf("sent %q; %+v:\n%s", got, tally, shown)
			}
			sids := map[string]bool{}
			for _, m := range h.sent {
				sids[m.SID] = true
			}
			if len(sids) != len(row.want) {
				t.Errorf("%d messages have %d MessageSids", len(row.want), len(sids))
			}
		})
	}
}

func TestSkip(t *testing.T) {
	rows := []struct {
		name, line, note string
		elapse           error
		unreachable      bool
		want             time.Duration
		tally            texting.Tally
	}{
		{name: "four hours pass on both sides", line: "/skip", want: 4 * time.Hour,
			note: "4h have passed, for the phone and for its conversation"},
		{name: "ninety minutes pass on both sides", line: "/skip 90m", want: 90 * time.Minute,
			note: "1h30m have passed"},
		{name: "the other side's clock cannot be reached", line: "/skip", want: 4 * time.Hour, unreachable: true,
			note: "but not on the other side"},
		{name: "the other side does not answer", line: "/skip 30s", elapse: errors.New("no Redis there"),
			note: "no time has passed: no Redis there", tally: texting.Tally{FailedCommands: 1}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			var h echoPhone
			var elapsed time.Duration
			o := texting.Person{Phone: &h, Elapse: func(_ context.Context, d time.Duration) error {
				if row.elapse == nil {
					elapsed = d
				}
				return row.elapse
			}}
			if row.unreachable {
				o.Elapse, elapsed = nil, row.want
			}
			shown, tally := run(t, o, row.line)
			if h.skipped != row.want || elapsed != row.want || !strings.Contains(shown, row.note) ||
				tally != row.tally {
				t.Errorf("on the phone %v, on the other side %v; %+v; %s", h.skipped, elapsed, tally, shown)
			}
		})
	}
}

func TestCookies(t *testing.T) {
	var h echoPhone
	if shown, _ := run(t, texting.Person{Phone: &h}, "/cookies"); !strings.Contains(shown, "no cookie") {
		t.Errorf("without a cookie: %s", shown)
	}
	h.cookies = []cookies.Cookie{{Name: "smsession", Value: "Zm9y\x1b", Expires: start.Add(4 * time.Hour)}}
	if shown, _ := run(t, texting.Person{Phone: &h}, "/skip 1h", "/cookies"); !strings.Contains(shown,
		`  smsession=Zm9y\x1b for 3h00m`+"\n") {
		t.Errorf("with a cookie: %s", shown)
	}
	if run(t, texting.Person{Phone: &h}, "/lose"); h.lost != 1 {
		t.Errorf("the cookies were deleted %d times", h.lost)
	}
}

func TestQuit(t *testing.T) {
	var h echoPhone
	if run(t, texting.Person{Phone: &h}, "one", "/quit", "two"); !slices.Equal(h.bodies(), []string{"one"}) {
		t.Errorf("sent %q", h.bodies())
	}
}

func TestHelp(t *testing.T) {
	var h echoPhone
	shown, _ := run(t, texting.Person{Phone: &h}, "/help")
	for _, name := range []string{"/again", "/burst", "/lose", "/skip", "/forge", "/mms", "/stop", "/cookies",
		"/verbose", "/help", "/quit", "//text"} {
		if !strings.Contains(shown, "\n  "+name+" ") ||
			!strings.Contains(strings.Join(texting.Usage(), "\n"), name+" ") {
			t.Errorf("%s is not in\n%s", name, shown)
		}
	}
}

func TestTally(t *testing.T) {
	h := echoPhone{answer: func(m phone.Message) *phone.Delivery {
		d := echo(m)
		d.Findings = []phone.Finding{{Detail: "so so", Warning: true}}
		if m.Body == "elsewhere" {
			d.NotFollowed = "https://other.example"
			d.Findings = append(d.Findings, phone.Finding{Detail: "not followed"})
		}
		if m.Body == "bad" {
			d.Findings = append(d.Findings, phone.Finding{Code: 11200, Detail: "bad"})
		}
		return d
	}}
	if _, tally := run(t, texting.Person{Phone: &h}, "good", "bad", "/burst 3 bad", "elsewhere",
		"/nothing"); tally != (texting.Tally{Sent: 6, Failed: 4, NotFollowed: 1, InvalidLines: 1}) {
		t.Errorf("%+v", tally)
	}
}

// The context ends while three messages are being delivered.
func TestEndOfContextIsNoFailure(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	h := echoPhone{overlap: 4, everyone: make(chan struct{})}
	var out strings.Builder
	p := &texting.Person{Phone: &h, View: &texting.View{Out: &out}}
	ended := make(chan error)
	go func() { ended <- p.Run(ctx, source("/burst 3", "never")) }()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) || out.Len() > 0 || p.Tally != (texting.Tally{}) {
		t.Errorf("%v; %+v; it shows %q", err, p.Tally, out.String())
	}
}

func TestAnErrorOfTheViewEndsRun(t *testing.T) {
	for _, view := range []*texting.View{
		{Out: broken{}},
		{Out: broken{}, Echo: true},
		{Out: broken{}, JSON: broken{}},
	} {
		for _, line := range []string{"one", "/burst 3", "/cookies", "/nothing"} {
			var h echoPhone
			err := (&texting.Person{Phone: &h, View: view}).Run(t.Context(), source(line, "never"))
			if !errors.Is(err, errBroken) || slices.Contains(h.bodies(), "never") {
				t.Errorf("%T, %s: %v, sent %q", view, line, err, h.bodies())
			}
		}
	}
}

func TestTallyErr(t *testing.T) {
	for _, row := range []struct {
		tally texting.Tally
		want  string
	}{
		{texting.Tally{Sent: 3}, ""},
		{texting.Tally{Sent: 3, FailedCommands: 1}, "1 of the commands could not be carried out"},
		{texting.Tally{Sent: 3, FailedCommands: 1, NotFollowed: 2},
			"the webhook leads to another server for 2 of 3 messages"},
		{texting.Tally{Sent: 3, FailedCommands: 1, NotFollowed: 2, Failed: 1},
			"1 of 3 messages failed: Twilio would have logged an error for each"},
		{texting.Tally{Sent: 3, FailedCommands: 1, NotFollowed: 2, ActedTwice: 1},
			"1 of 3 messages were repeats that got another reply: a resend would act twice"},
		{texting.Tally{Sent: 3, Failed: 1, InvalidLines: 2}, "2 of the lines could not be carried out"},
	} {
		if err := row.tally.Err(); row.want == "" && err != nil || row.want != "" &&
			(err == nil || !strings.HasPrefix(err.Error(), row.want)) {
			t.Errorf("%+v: %v", row.tally, err)
		}
	}
}

func TestAnErrorOfTheInputEndsRun(t *testing.T) {
	var h echoPhone
	err := (&texting.Person{Phone: &h, View: &texting.View{Out: &strings.Builder{}}}).
		Run(t.Context(), func() (string, error) { return "half a line", errBroken })
	if !errors.Is(err, errBroken) || len(h.sent) > 0 {
		t.Errorf("%v, sent %q", err, h.bodies())
	}
}
