package twiml

import (
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"
)

// ReadResponse reads a webhook's response as Twilio does. The body must be decompressed, and may be cut off after
// MaxBytes + 1 bytes. A redirect is not a valid response here: the caller follows redirects first.
//
// The findings contain every error. An error of the status, the size, the Content-Type or the XML concerns the whole
// response and is Document.Failure, too. After an error of one message, Twilio does not send this message, but executes
// the other verbs.
func ReadResponse(status int, contentType string, body []byte) Document {
	var found Findings
	switch {
	case status >= 400 && status <= 599:
		return failed(11217, "The server answered %d.", status)
	case status < 200 || status > 299:
		return failed(11200, "The server answered %d, which is not a valid response to a webhook.", status)
	case len(body) > MaxBytes:
		return failed(11750, "The response is larger than 64 kB.")
	case status != http.StatusOK && len(body) == 0:
		found.Warn(0, "The server answered %d without a document. "+
			"It is not confirmed that Twilio treats this as an empty Response.", status)
		return Document{Findings: found}
	case status != http.StatusOK:
		found.Warn(0, "The server answered %d. Twilio's documentation allows any 2xx status, "+
			"but all its examples answer 200.", status)
	}
	if len(body) > 64_000 {
		found.Warn(11750, "The response is larger than 64,000 bytes. "+
			"Twilio's limit of 64 kB may mean 64,000 or 65,536 bytes.")
	}
	return readBody(contentType, body).after(found)
}

// readBody reads a body by its Content-Type. https://www.twilio.com/docs/messaging/twiml lists the types. An
// empty body of XML has no root element (12100). A response without a Content-Type is an error even if it is empty
// (11200). A charset only causes a warning, because XML is decoded by its own declaration.
func readBody(contentType string, body []byte) Document {
	mediaType, _, _ := strings.Cut(contentType, ";") // mime returns no type if a parameter is malformed
	mediaType = strings.ToLower(strings.TrimSpace(mediaType))
	var read func([]byte) Document
	switch mediaType {
	case "text/xml", "application/xml", "text/html":
		read = Read
	case "text/plain":
		read = readPlain
	case "":
		return failed(11200, "The response has no Content-Type.")
	default:
		return failed(12300, "Twilio does not accept the Content-Type %.60q.", mediaType)
	}
	var found Findings
	if !isASCII(body) {
		_, parameters, _ := mime.ParseMediaType(contentType)
		if charset := strings.ToLower(parameters["charset"]); charset != "" && charset != "utf-8" {
			found.Warn(0, "The Content-Type has the charset %.60q, which is ignored here. "+
				"It is not confirmed whether Twilio uses it.", charset)
		}
	}
	return read(body).after(found)
}

// readPlain returns a document whose only verb is a message with the whole text, as Twilio reads text/plain.
func readPlain(body []byte) Document {
	var found Findings
	text := string(body)
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "\uFFFD")
		found.Warn(0, "The text is not UTF-8. It is not confirmed what Twilio does with invalid bytes.")
	}
	if isBlank(text) {
		found.Warn(14103, "The response is an empty text. "+
			"It is not confirmed that Twilio treats this as an empty Response.")
		return Document{Findings: found}
	}
	found.Warn(0, "Twilio sends a text/plain response to the sender as a message, even if it is an error page.")
	v := Verb{Body: text}
	found = append(found, checkContent(v)...)
	if found.haveError() {
		return Document{Findings: found}
	}
	return Document{Findings: found, Verbs: []Verb{v}}
}
