package twilio

import (
	"bytes"
	"encoding/xml"
	"slices"
)

// AppendTwiML appends a whole TwiML document to dst that sends each text as a message of its own. Without texts the
// document is an empty Response: Twilio then says nothing. Empty texts are left out, because Twilio takes one for an
// error (14103). What XML cannot hold, control characters and bytes that are not UTF-8, becomes U+FFFD. Twilio's own
// limits, 10 messages and 1600 characters each, are the caller's to keep.
//
// See https://www.twilio.com/docs/messaging/twiml/message.
func AppendTwiML(dst []byte, texts []string) []byte {
	// Nothing may stand before the declaration (error 12100), and nothing is needed between the elements.
	dst = append(dst, `<?xml version="1.0" encoding="UTF-8"?>`...)
	if !slices.ContainsFunc(texts, said) {
		return append(dst, "<Response/>"...)
	}
	b := bytes.NewBuffer(append(dst, "<Response>"...))
	for _, text := range texts {
		if said(text) {
			b.WriteString("<Message>")
			xml.EscapeText(b, []byte(text)) // a Buffer does not fail
			b.WriteString("</Message>")
		}
	}
	b.WriteString("</Response>")
	return b.Bytes()
}

func said(text string) bool { return text != "" }
