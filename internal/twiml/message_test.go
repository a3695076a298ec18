package twiml

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestContent(t *testing.T) {
	for _, row := range []struct {
		name, message string
		want          want
	}{
		{"a Body is the text", "<Message><Body>Hello</Body></Message>", want{verbs: []string{"Hello"}}},
		{"several Bodies are joined", "<Message><Body>Hello, </Body><Body>world</Body></Message>", want{verbs: []string{"Hello, world"}}},
		{"white space around a Body is layout", "<Message>\n  <Body>Hello</Body>\n</Message>", want{verbs: []string{"Hello"}}},
		{"text outside a Body is sent, too, with a warning", "<Message>Hello, <Body>world</Body></Message>", want{verbs: []string{"Hello, world"}, warnings: []int{0}}},
		{"white space at the ends of a text is kept, with a warning", "<Message>\n  Hello\n</Message>", want{verbs: []string{"\n  Hello\n"}, warnings: []int{0}}},
		{"a Media needs no text", "<Message><Media>https://demo.twilio.com/owl.png</Media></Message>", want{verbs: []string{"[media https://demo.twilio.com/owl.png]"}}},
		{"white space around a Media and a Body is layout", "<Message>\n<Body>Owl</Body>\n<Media>\n/owl.png\n</Media>\n</Message>", want{verbs: []string{"Owl[media /owl.png]"}}},
		{"a Media can follow text", "<Message>Owl<Media>/owl.png</Media></Message>", want{verbs: []string{"Owl[media /owl.png]"}}},
		{"a Media without a URL is ignored, with a warning", "<Message>Owl<Media/></Message>", want{verbs: []string{"Owl"}, warnings: []int{0}}},
		{"a message can have a recipient and a sender", `<Message to="+12025550143" from="+15005550006">Hello</Message>`, want{verbs: []string{"Hello[to +12025550143][from +15005550006]"}}},
		{"a comment is ignored", "<!-- a --><Message>He<!-- b -->llo</Message>", want{verbs: []string{"Hello"}}},
		{"a CDATA section is text", "<Message><![CDATA[a & b]]></Message>", want{verbs: []string{"a & b"}}},
		{"the five entities and character references are text", "<Message>&lt;&gt;&amp;&apos;&quot;&#65;&#x1F44D;</Message>", want{verbs: []string{`<>&'"A👍`}}},
		{"a Windows line break becomes a line feed", "<Message>a\r\nb\rc</Message>", want{verbs: []string{"a\nb\nc"}}},
		{"a reference to a carriage return is kept", "<Message>a&#13;b</Message>", want{verbs: []string{"a\rb"}}},
	} {
		t.Run(row.name, func(t *testing.T) { row.want.check(t, Read(response(row.message))) })
	}
}

// Each message is followed by another one, which must be sent.
func TestMessagesThatAreNotSent(t *testing.T) {
	lost := func(code int) want { return want{verbs: []string{"next"}, errors: []int{code}} }
	for _, row := range []struct {
		name, message string
		want          want
	}{
		{"it has neither text nor media", "<Message/>", lost(14103)},
		{"it has only white space", "<Message>\n  \n</Message>", lost(14103)},
		{"it has an empty Body", "<Message><Body/></Message>", lost(14103)},
		{"it has a Media without a URL", "<Message><Media/></Message>", want{verbs: []string{"next"}, errors: []int{14103}, warnings: []int{0}}},
		{"it has 1,601 characters", "<Message>" + strings.Repeat("a", 1601) + "</Message>", lost(14103)},
		{"it has 1,601 characters in two Bodies", "<Message><Body>" + strings.Repeat("a", 1600) + "</Body><Body>b</Body></Message>", lost(14103)},
		{"it has 1,601 characters and a Media", "<Message>" + strings.Repeat("é", 1601) + "<Media>/owl.png</Media></Message>", lost(14103)},
		{"its recipient is not a number, and it has no text", `<Message to="customer"/>`, lost(14101)},
		{"its method is not valid, and it has no text", `<Message method="PUT"/>`, lost(14104)},
		{"its recipient is not a number", `<Message to="customer">Hello</Message>`, lost(14101)},
		{"its sender has a character that senders do not have", `<Message from="Owl &amp; Sons">Hello</Message>`, lost(14102)},
		{"its sender ID has 12 characters", `<Message from="OwlAndSons12">Hello</Message>`, lost(14102)},
		{"its sender has no digit", `<Message from="+">Hello</Message>`, lost(14102)},
		{"its method is neither GET nor POST", `<Message method="PUT">Hello</Message>`, lost(14104)},
		{"its statusCallback is not a URL", `<Message statusCallback="http://">Hello</Message>`, lost(14105)},
		{"its statusCallback has another scheme", `<Message statusCallback="ftp://example.com/">Hello</Message>`, lost(14105)},
		{"the host of its statusCallback has an underscore", `<Message statusCallback="https://a_b.example.com/">Hello</Message>`, lost(14105)},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.want.check(t, Read(response(row.message+"<Message>next</Message>")))
		})
	}
}

func TestMessagesThatAreSent(t *testing.T) {
	ascii, accented, pairs := strings.Repeat("a", 1600), strings.Repeat("é", 1600), strings.Repeat("👍", 801)
	media := func(n int) string { return "<Message>" + strings.Repeat("<Media>/owl.png</Media>", n) + "</Message>" }
	ten := "[media " + strings.TrimSpace(strings.Repeat("/owl.png ", 10)) + "]"
	for _, row := range []struct {
		name, message string
		want          want
	}{
		{"it has 1,600 characters", "<Message>" + ascii + "</Message>", want{verbs: []string{ascii}}},
		{"it has 1,600 characters of two bytes each", "<Message>" + accented + "</Message>", want{verbs: []string{accented}}},
		{"it has 801 characters of two UTF-16 units each, with a warning", "<Message>" + pairs + "</Message>", want{verbs: []string{pairs}, warnings: []int{14103}}},
		{"its recipient is a number in local form", `<Message to="(415) 555-1212">a</Message>`, want{verbs: []string{"a[to (415) 555-1212]"}}},
		{"its recipient is a SIM", `<Message to="DE00000000000000000000000000000000">a</Message>`, want{verbs: []string{"a[to DE00000000000000000000000000000000]"}}},
		{"its addresses belong to channels", `<Message to="messenger:owl" from="whatsapp:+15005550006">a</Message>`, want{verbs: []string{"a[to messenger:owl][from whatsapp:+15005550006]"}}},
		{"its sender ID has 11 characters", `<Message from="Owl And Son">a</Message>`, want{verbs: []string{"a[from Owl And Son]"}}},
		{"its sender is a SIM", `<Message from="DE00000000000000000000000000000000">a</Message>`, want{verbs: []string{"a[from DE00000000000000000000000000000000]"}}},
		{"its sender is a short code", `<Message from="12345">a</Message>`, want{verbs: []string{"a[from 12345]"}}},
		{"its addresses are empty, with a warning", `<Message to="" from="">a</Message>`, want{verbs: []string{"a"}, warnings: []int{0}}},
		{"its method is in small letters, with a warning", `<Message action="/next" method="get">a</Message>`, want{verbs: []string{"a[action /next][method GET]"}, warnings: []int{14104}}},
		{"its statusCallback is relative", `<Message statusCallback="/status?a=1">a</Message>`, want{verbs: []string{"a"}}},
		{"its statusCallback is absolute", `<Message statusCallback="https://example.com/status">a</Message>`, want{verbs: []string{"a"}}},
		{"it has ten Media", media(10), want{verbs: []string{ten}}},
		{"it has eleven Media, of which ten are sent, with a warning", media(11), want{verbs: []string{ten}, warnings: []int{0}}},
	} {
		t.Run(row.name, func(t *testing.T) { row.want.check(t, Read(response(row.message))) })
	}
}

// Twilio limits the number of characters. A limit on the number of bytes would refuse a text that Twilio sends.
func TestNaiveCount(t *testing.T) {
	accented := strings.Repeat("é", 1600)
	if len(accented) <= maxCharacters || utf8.RuneCountInString(accented) > maxCharacters {
		t.Fatal("the text does not have more bytes than Twilio allows characters")
	}
	want{verbs: []string{accented}}.check(t, Read(response("<Message>"+accented+"</Message>")))
}
