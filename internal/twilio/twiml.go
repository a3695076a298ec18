package twilio

import (
	"bytes"
	"encoding/xml"
	"slices"
)

// AppendTwiML appends a TwiML document to dst that sends each text as its own message. Without texts, the document is an
// empty Response, and Twilio sends nothing. Empty texts are left out, because Twilio reports an error for them (14103).
// Characters that XML cannot contain become U+FFFD: control characters, and bytes that are not UTF-8. The caller must
// respect Twilio's limits: 10 messages with 1600 characters each.
//
// See https://www.twilio.com/docs/messaging/twiml/message.
func AppendTwiML(dst []byte, texts []string) []byte {
	// Nothing may come before the declaration (error 12100).
	dst = append(dst, `<?xml version="1.0" encoding="UTF-8"?>`...)
	if !slices.ContainsFunc(texts, notEmpty) {
		return append(dst, "<Response/>"...)
	}
	b := bytes.NewBuffer(append(dst, "<Response>"...))
	for _, text := range texts {
		if notEmpty(text) {
			b.WriteString("<Message>")
			xml.EscapeText(b, []byte(text)) // a Buffer returns no errors
			b.WriteString("</Message>")
		}
	}
	b.WriteString("</Response>")
	return b.Bytes()
}

func notEmpty(text string) bool { return text != "" }
