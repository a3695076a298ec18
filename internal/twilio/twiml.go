package twilio

import (
	"bytes"
	"encoding/xml"

	"smsession/internal/conversation"
)

// declaration begins every document. Nothing may come before it (error 12100).
const declaration = `<?xml version="1.0" encoding="UTF-8"?>`

// TwiML returns the TwiML document for a reply. A document in the reply is returned unchanged. Otherwise each text is
// sent as its own message. Without texts, the document is an empty Response, and Twilio sends nothing. Empty texts are
// left out, because Twilio reports an error for them (14103). Characters that XML cannot contain become U+FFFD: control
// characters, and bytes that are not UTF-8. The caller must respect Twilio's limits: 10 messages with 1600 characters
// each.
//
// See https://www.twilio.com/docs/messaging/twiml/message.
func TwiML(reply conversation.Reply) []byte {
	if reply.TwiML != "" {
		return []byte(reply.TwiML)
	}
	b := begin()
	for _, text := range reply.Texts {
		AppendMessage(b, text, nil)
	}
	return end(b)
}

// Outgoing is one message of a reply.
type Outgoing struct {
	Text  string
	Media []string // absolute URLs; Twilio sends at most 10
}

// MediaTwiML returns the TwiML document for messages with media, by the rules of TwiML. A message without text and
// media is left out.
func MediaTwiML(messages []Outgoing) []byte {
	b := begin()
	for _, m := range messages {
		AppendMessage(b, m.Text, m.Media)
	}
	return end(b)
}

// Opening and Closing are around the messages of every document.
const (
	Opening = declaration + "<Response>"
	Closing = "</Response>"
)

func begin() *bytes.Buffer {
	b := bytes.NewBuffer(make([]byte, 0, 192)) // enough for the usual text
	b.WriteString(Opening)
	return b
}

func end(b *bytes.Buffer) []byte {
	if b.Len() == len(Opening) {
		return []byte(declaration + "<Response/>")
	}
	b.WriteString(Closing)
	return b.Bytes()
}

// AppendMessage appends the element of a message to a document, by the rules of TwiML.
func AppendMessage(b *bytes.Buffer, text string, media []string) {
	switch {
	case text == "" && len(media) == 0:
		return
	case len(media) == 0:
		appendElement(b, "Message", text)
		return
	}
	b.WriteString("<Message>")
	if text != "" {
		appendElement(b, "Body", text)
	}
	for _, url := range media {
		appendElement(b, "Media", url)
	}
	b.WriteString("</Message>")
}

func appendElement(b *bytes.Buffer, name, text string) {
	b.WriteByte('<')
	b.WriteString(name)
	b.WriteByte('>')
	xml.EscapeText(b, []byte(text)) // writing to a Buffer does not fail
	b.WriteString("</")
	b.WriteString(name)
	b.WriteByte('>')
}
