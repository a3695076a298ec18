package twilio_test

import (
	"testing"

	"smsession/internal/conversation"
	"smsession/internal/twilio"
)

const declaration = `<?xml version="1.0" encoding="UTF-8"?>`

func TestTwiML(t *testing.T) {
	for _, row := range []struct {
		name  string
		texts []string
		want  string
	}{
		{"no texts make an empty response", nil, "<Response/>"},
		{"an empty text makes no message", []string{""}, "<Response/>"},
		{"several empty texts make no message", []string{"", ""}, "<Response/>"},
		{"a text makes a message", []string{"Hello, thanks for the new message."},
			"<Response><Message>Hello, thanks for the new message.</Message></Response>"},
		{"every text makes its own message, in order", []string{"b", "a"},
			"<Response><Message>b</Message><Message>a</Message></Response>"},
		{"empty texts between others are left out", []string{"", "a", "", "b", ""},
			"<Response><Message>a</Message><Message>b</Message></Response>"},
		{"mark-up is text", []string{`<Message to="x">&amp;</Message>`},
			"<Response><Message>&lt;Message to=&#34;x&#34;&gt;&amp;amp;&lt;/Message&gt;</Message></Response>"},
		{"the end of a CDATA section is text", []string{"]]>"}, "<Response><Message>]]&gt;</Message></Response>"},
		{"an apostrophe is escaped", []string{"it's"}, "<Response><Message>it&#39;s</Message></Response>"},
		{"a line feed is kept", []string{"a\nb"}, "<Response><Message>a&#xA;b</Message></Response>"},
		{"a carriage return is not turned into a line feed", []string{"a\r\nb"},
			"<Response><Message>a&#xD;&#xA;b</Message></Response>"},
		{"a tab is kept", []string{"a\tb"}, "<Response><Message>a&#x9;b</Message></Response>"},
		{"white space is kept", []string{" a  "}, "<Response><Message> a  </Message></Response>"},
		{"an emoji is kept", []string{"👍🏽 ñ"}, "<Response><Message>👍🏽 ñ</Message></Response>"},
		{"control characters are replaced", []string{"a\x00b\x07c\x1b"},
			"<Response><Message>a\ufffdb\ufffdc\ufffd</Message></Response>"},
		{"bytes that are not UTF-8 are replaced", []string{"a\xff\xc3b"},
			"<Response><Message>a\ufffd\ufffdb</Message></Response>"},
		{"characters beyond ASCII that XML forbids are replaced", []string{"\ufffe\uffff"},
			"<Response><Message>\ufffd\ufffd</Message></Response>"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := string(twilio.TwiML(conversation.Reply{Texts: row.texts})); got != declaration+row.want {
				t.Errorf("%s, want %s", got, declaration+row.want)
			}
		})
	}
}

func TestTwiMLOfADocument(t *testing.T) {
	const document = `<Response><Message><Media>https://a.example/b.png</Media></Message></Response>`
	got := string(twilio.TwiML(conversation.Reply{TwiML: document, Texts: []string{"unused"}}))
	if got != document {
		t.Errorf("the document is %s", got)
	}
}
