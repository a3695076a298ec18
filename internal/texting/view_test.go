package texting_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"

	"smsession/internal/gsm"
	"smsession/internal/phone"
	"smsession/internal/texting"
)

// show returns the output of a View for a delivery.
func show(t *testing.T, s texting.View, d phone.Delivery) string {
	t.Helper()
	var out strings.Builder
	s.Out, s.From, s.To = &out, from, to
	if err := s.Delivered(&d); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// reply returns a reply of an ordinary webhook.
func reply(body string) phone.Reply {
	return phone.Reply{From: to, To: from, Body: body, Segments: gsm.Segments{Encoding: gsm.GSM7, Count: 1}}
}

func TestDelivered(t *testing.T) {
	image := reply("")
	image.Media = []string{"https://example.com/a.png", "https://example.com/b.png"}
	both := reply("look")
	both.Media = image.Media[:1]
	elsewhere, other := reply("psst"), reply("hello")
	elsewhere.To, other.From = "+12025550199", "+15005550001"
	refused, own := reply("bye"), reply("Reply START to resubscribe.")
	refused.Status, own.FromTwilio = phone.Refused, true
	page := phone.Exchange{URL: "http://a/sms", Status: 500, Excerpt: []string{"<h1>Oops</h1>", "at \x1b[2Jline 3"}}
	long := page
	long.Excerpt, long.ExcerptIsCut = []string{"first"}, true
	http500 := phone.Finding{Code: 11217, Name: "HTTP bad response", Detail: "The webhook answered 500.",
		URL: "http://a/sms"}
	rows := []struct {
		name, want string
		d          phone.Delivery
	}{
		{"a reply", "< Hello\n", phone.Delivery{Replies: []phone.Reply{reply("Hello")}}},
		{"replies in order", "< one\n< two\n", phone.Delivery{Replies: []phone.Reply{reply("one"), reply("two")}}},
		{"lines of one reply below each other", "< one\n  two\n",
			phone.Delivery{Replies: []phone.Reply{reply("one\r\ntwo\n")}}},
		{"pictures", "< https://example.com/a.png\n  https://example.com/b.png\n",
			phone.Delivery{Replies: []phone.Reply{image}}},
		{"a text with a picture", "< look\n  https://example.com/a.png\n",
			phone.Delivery{Replies: []phone.Reply{both}}},
		{"a reply to somebody else", "< to +12025550199: psst\n", phone.Delivery{Replies: []phone.Reply{elsewhere}}},
		{"a reply from another number", "< from +15005550001: hello\n", phone.Delivery{Replies: []phone.Reply{other}}},
		{"no reply", "* no reply\n", phone.Delivery{}},
		{"a reply of Twilio and one that it refuses", "< from Twilio: Reply START to resubscribe.\n* not sent: bye\n",
			phone.Delivery{Replies: []phone.Reply{own, refused}}},
		{"the body of an error", "< Hello\n* the body of the 500:\n| <h1>Oops</h1>\n| at \\x1b[2Jline 3\n",
			phone.Delivery{Replies: []phone.Reply{reply("Hello")}, Exchanges: []phone.Exchange{page}}},
		{"the bodies of several errors", "< Hello\n* the body of the 500 of http://a/sms:\n| first\n" +
			"* the body is longer: /verbose or --verbose shows all of it\n" +
			"* the body of the 500 of http://a/sms:\n| <h1>Oops</h1>\n| at \\x1b[2Jline 3\n",
			phone.Delivery{Replies: []phone.Reply{reply("Hello")}, Exchanges: []phone.Exchange{long, page}}},
		{"no body of the answer to a forged message", "* no reply\n",
			phone.Delivery{Message: phone.Message{Forged: true}, Exchanges: []phone.Exchange{page}}},
		{"an error by Twilio's number and name", "* no reply\n! 11217 HTTP bad response: The webhook answered 500.\n",
			phone.Delivery{Findings: []phone.Finding{http500}}},
		{"a warning without an error number", "< Hello\n? so so\n",
			phone.Delivery{Replies: []phone.Reply{reply("Hello")},
				Findings: []phone.Finding{{Detail: "so so", Warning: true}}}},
		{"an error at one of several URLs", "< Sorry\n! 11217 HTTP bad response: The webhook answered 500. (http://a/sms)\n",
			phone.Delivery{Replies: []phone.Reply{reply("Sorry")}, Findings: []phone.Finding{http500},
				Exchanges: make([]phone.Exchange, 2)}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if got := show(t, texting.View{}, row.d); got != row.want {
				t.Errorf("got  %q\nwant %q", got, row.want)
			}
		})
	}
}

func TestVerbose(t *testing.T) {
	at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.Local)
	d := phone.Delivery{
		Message: phone.Message{SID: "SM1", Body: "hi"},
		Exchanges: []phone.Exchange{
			{Reason: phone.Primary, Method: "POST", URL: "https://sms.example.com/sms", Address: "http://127.0.0.1:8080/sms",
				Sent: at, Took: 5 * time.Second, Error: "connection refused"},
			{Reason: phone.Fallback, Method: "POST", URL: "http://b/sms", Address: "http://b/sms", Sent: at.Add(5 * time.Second),
				Took: 7123 * time.Microsecond, Status: 200},
		},
		Replies: []phone.Reply{reply("Hello")},
		Cookie:  phone.CookieChanged,
	}
	want := `--> 09:00:00.000 POST https://sms.example.com/sms at http://127.0.0.1:8080/sms, SM1, 1 GSM-7 segment
<-- 09:00:05.000 after 5s: connection refused
--> 09:00:05.000 POST http://b/sms, fallback
<-- 09:00:05.007 200 after 7.1ms, cookie changed, 1 GSM-7 segment
< Hello
`
	if got := show(t, texting.View{Verbose: true}, d); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	d.Exchanges, d.Cookie, d.Replies[0].Segments = d.Exchanges[1:], phone.NoCookie, gsm.Segments{Encoding: gsm.UCS2,
		Count: 3}
	if got := show(t, texting.View{Verbose: true}, d); !strings.Contains(got,
		"200 after 7.1ms, no cookie, 3 UCS-2 segments\n") {
		t.Errorf("got\n%s", got)
	}
}

func TestVerboseShowsTheWholeBody(t *testing.T) {
	d := phone.Delivery{Exchanges: []phone.Exchange{{Method: "POST", URL: "http://a/sms", Status: 500,
		Excerpt: []string{"one", "two"}, ExcerptIsCut: true, ResponseBody: "one\r\n\r\ntwo\nthree\n"}}}
	if got := show(t, texting.View{Verbose: true}, d); !strings.HasSuffix(got, "| one\n| \n| two\n| three\n") {
		t.Errorf("got\n%s", got)
	}
}

func TestToggleVerbose(t *testing.T) {
	h := echoPhone{answer: func(m phone.Message) *phone.Delivery {
		d := echo(m)
		d.Exchanges = []phone.Exchange{{Method: "POST", URL: "http://a/sms", Status: 200}}
		return d
	}}
	shown, _ := run(t, texting.Person{Phone: &h}, "one", "/verbose", "two", "/verbose", "three")
	if before, after, _ := strings.Cut(shown, "< one\n"); strings.Contains(before, "-->") ||
		strings.Count(after, "-->") != 1 || strings.Index(after, "-->") > strings.Index(after, "< two") {
		t.Errorf("it shows\n%s", shown)
	}
}

func TestEcho(t *testing.T) {
	var out strings.Builder
	var h echoPhone
	p := &texting.Person{Phone: &h, View: &texting.View{Out: &out, From: from, To: to, Echo: true}}
	if err := p.Run(t.Context(), source("hi\x1b[2J", "", "/lose", "/nothing")); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.HasPrefix(got, "> hi\\x1b[2J\n< hi\\x1b[2J\n> /lose\n* ") ||
		!strings.Contains(got, "> /nothing\n* there is no such") {
		t.Errorf("it shows\n%s", got)
	}
}

func TestColour(t *testing.T) {
	d := phone.Delivery{Findings: []phone.Finding{{Code: 11200, Detail: "bad"}, {Detail: "so so", Warning: true}}}
	if got := show(t, texting.View{}, d); strings.Contains(got, "\x1b") {
		t.Errorf("without Colour: %q", got)
	}
	if got := show(t, texting.View{Colour: true}, d); !strings.Contains(got,
		"\x1b[31m! 11200 bad\x1b[0m\n\x1b[33m? so so\x1b[0m\n") {
		t.Errorf("with Colour: %q", got)
	}
}

// hostile returns texts that control a terminal, and the texts that must be shown instead. The tests of package
// terminal have more such texts.
func hostile() map[string]string {
	return map[string]string{
		"\x1b[2J":            `\x1b[2J`,          // clear the screen
		"\x1b]52;c;aGk=\x07": `\x1b]52;c;aGk=\a`, // write the clipboard
		"\u009b2J":           `\u009b2J`,         // the same as ESC [ in one character
		"safe\rfake":         `safe\rfake`,
		"a\x00\tb":           `a\x00\tb`,
		"\xff\x9b2J":         `\xff\x9b2J`,
		"a\u202eb":           `a\u202eb`, // from right to left
		"a\u2066b":           `a\u2066b`,
	}
}

func TestTextsOfTheOtherSideAreEscaped(t *testing.T) {
	for text, want := range hostile() {
		d := phone.Delivery{
			Message:   phone.Message{SID: "SM1"},
			Exchanges: []phone.Exchange{{Method: "POST", URL: "http://a/" + text, Error: text}, {URL: text}},
			Replies:   []phone.Reply{reply(text), {From: text, To: from, Media: []string{text}}, {To: text}},
			Findings:  []phone.Finding{{Name: text, Detail: text, URL: text}},
		}
		got := show(t, texting.View{Verbose: true}, d)
		if strings.Count(got, want) != 10 {
			t.Errorf("%q is shown as %q in\n%s", text, want, got)
		}
		if i := strings.IndexFunc(got, unprintable); i >= 0 {
			t.Errorf("%q has an unprintable character at %d of %q", text, i, got)
		}
	}
}

func unprintable(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }

func TestOtherScriptsAndEmojiAreKept(t *testing.T) {
	for _, text := range []string{"Grüße, ñandú", "नमस्ते", "مرحبا", "你好", "👩\u200d👧 ❤\ufe0f", "5\u00a0000", `C:\x1b`} {
		if got := show(t, texting.View{}, phone.Delivery{Replies: []phone.Reply{reply(text)}}); got != "< "+text+"\n" {
			t.Errorf("%q is shown as %q", text, got)
		}
	}
}

func TestJSON(t *testing.T) {
	var out, notes strings.Builder
	h := echoPhone{answer: func(m phone.Message) *phone.Delivery {
		if m.Body == "bad" {
			return failed(m, 11200, "bad")
		}
		return echo(m)
	}}
	p := &texting.Person{Phone: &h, View: &texting.View{Out: &notes, JSON: &out}}
	if err := p.Run(t.Context(), source("<hi>", "/verbose", "/skip", "/nothing", "bad", "/burst 2")); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 4 || !strings.Contains(lines[0], `"body":"<hi>"`) {
		t.Fatalf("%d lines:\n%s", len(lines), out.String())
	}
	for i, line := range lines {
		var d struct {
			OK                           bool
			Message                      struct{ SID string }
			Exchanges, Replies, Findings []any
		}
		if err := json.Unmarshal([]byte(line), &d); err != nil || d.OK != (i != 1) || d.Message.SID == "" {
			t.Errorf("%v: %s", err, line)
		}
		if d.Exchanges == nil || d.Replies == nil || d.Findings == nil {
			t.Errorf("a list is null in %s", line)
		}
	}
	for _, want := range []string{"--verbose", "4h have passed", "no such command"} {
		if !strings.Contains(notes.String(), want) {
			t.Errorf("%q is not in the notes:\n%s", want, notes.String())
		}
	}
}

func TestJSONIsEscaped(t *testing.T) {
	for text := range hostile() {
		text = strings.ToValidUTF8(text, "\uFFFD") // JSON has no other bytes
		var out strings.Builder
		d := phone.Delivery{Replies: []phone.Reply{reply(text)}}
		if err := (&texting.View{JSON: &out}).Delivered(&d); err != nil {
			t.Fatal(err)
		}
		var got phone.Delivery
		if err := json.Unmarshal([]byte(out.String()), &got); err != nil || got.Replies[0].Body != text {
			t.Errorf("%q is decoded as %+v, %v", text, got.Replies, err)
		}
		if i := strings.IndexFunc(out.String(), unprintable); i >= 0 {
			t.Errorf("%q has an unprintable character at %d of %q", text, i, out.String())
		}
	}
}

func FuzzEverythingShownIsPrintable(f *testing.F) {
	for text := range hostile() {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := show(t, texting.View{}, phone.Delivery{Replies: []phone.Reply{reply(text)}})
		if i := strings.IndexFunc(got, func(r rune) bool {
			return unprintable(r) && !unicode.Is(unicode.Zs, r) && r != '\u200c' && r != '\u200d'
		}); i >= 0 {
			t.Errorf("%q is shown as %q", text, got)
		}
		_ = texting.Check([]string{text})
	})
}
