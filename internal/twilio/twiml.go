package twilio

import (
	"bytes"
	"encoding/xml"
	"slices"

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
	isText := func(text string) bool { return text != "" }
	switch {
	case reply.TwiML != "":
		return []byte(reply.TwiML)
	case !slices.ContainsFunc(reply.Texts, isText):
		return []byte(declaration + "<Response/>")
	}
	b := bytes.NewBuffer(make([]byte, 0, 192)) // enough for the usual text
	b.WriteString(declaration + "<Response>")
	for _, text := range reply.Texts {
		if isText(text) {
			b.WriteString("<Message>")
			xml.EscapeText(b, []byte(text)) // writing to a Buffer does not fail
			b.WriteString("</Message>")
		}
	}
	b.WriteString("</Response>")
	return b.Bytes()
}
