package twiml

import (
	"fmt"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"
)

// ReadResponse reads a webhook's response as Twilio does. The body is without content encoding and may be cut off after
// MaxBytes + 1. A redirect is not a valid response here: the caller follows redirects first.
//
// Every error is among the findings. An error of the whole response is Document.Failure, too: a status, a size, a
// Content-Type, or XML that is not TwiML. An error of a single message costs only that message.
func ReadResponse(status int, contentType string, body []byte) Document {
	var r reader
	switch {
	case status >= 400 && status <= 599:
		r.fail(11217, "The server answered %d.", status)
	case status < 200 || status > 299:
		r.fail(11200, "The server answered %d, which is not a valid response to a webhook.", status)
	case len(body) > MaxBytes:
		r.fail(11750, "The response is larger than 64 kB.")
	case status != http.StatusOK && len(body) == 0:
		r.warn(0, "The server answered %d without a document. It is not confirmed that Twilio treats this as an empty Response.", status)
	default:
		r.readBody(status, contentType, body)
	}
	return r.Document
}

// Read reads a document of TwiML.
func Read(body []byte) Document {
	var r reader
	r.readTwiML(body)
	return r.Document
}

// reader is the state of Read and ReadResponse.
type reader struct {
	Document
	messages int // that Twilio could send, including those over MaxMessages
}

// report adds an error.
//
// Twilio lists the numbers from 14101 to 14110 as warnings. Here they are errors, because each one means that the sender
// does not receive something that the webhook sent. The warnings here are 12200, which stops nothing at Twilio, and
// everything that Twilio's documentation leaves open.
func (r *reader) report(code int, format string, args ...any) {
	r.Findings = append(r.Findings, Finding{Code: code, Detail: fmt.Sprintf(format, args...)})
}

// warn adds a warning. The code is 0 if Twilio has no number for it.
func (r *reader) warn(code int, format string, args ...any) {
	r.Findings = append(r.Findings, Finding{Code: code, Detail: fmt.Sprintf(format, args...), Warning: true})
}

// fail adds an error that keeps Twilio from executing the document.
func (r *reader) fail(code int, format string, args ...any) {
	r.report(code, format, args...)
	failure := r.Findings[len(r.Findings)-1]
	r.Failure = &failure
}

// readBody reads a body by its Content-Type. The types are those of https://www.twilio.com/docs/messaging/twiml. An
// empty body of XML has no root element (12100). A response without a Content-Type is an error even if it is empty
// (11200).
func (r *reader) readBody(status int, contentType string, body []byte) {
	if status != http.StatusOK {
		r.warn(0, "The server answered %d. Twilio asks for a status of 2xx, and all its examples answer 200.", status)
	}
	if len(body) > 64_000 {
		r.warn(11750, "The response is larger than 64,000 bytes. Twilio's limit of 64 kB may mean this or 65,536 bytes.")
	}
	mediaType, charset := parseContentType(contentType)
	switch mediaType {
	case "text/xml", "application/xml", "text/html":
		r.checkCharset(charset, body)
		r.readTwiML(body)
	case "text/plain":
		r.checkCharset(charset, body)
		r.readPlain(body)
	case "":
		r.fail(11200, "The response has no Content-Type.")
	default:
		r.fail(12300, "Twilio does not read the Content-Type %.60q.", mediaType)
	}
}

// parseContentType returns the media type and the charset in lower case. The charset is utf-8 if the parameters are
// malformed or do not name one.
func parseContentType(contentType string) (mediaType, charset string) {
	mediaType, _, _ = strings.Cut(contentType, ";")
	mediaType = strings.ToLower(strings.TrimSpace(mediaType))
	_, parameters, err := mime.ParseMediaType(contentType)
	if err != nil || parameters["charset"] == "" {
		return mediaType, "utf-8"
	}
	return mediaType, strings.ToLower(parameters["charset"])
}

// checkCharset warns if the Content-Type names a charset that would change the text. XML is decoded by its own
// declaration.
func (r *reader) checkCharset(charset string, body []byte) {
	if charset != "utf-8" && !isASCII(body) {
		r.warn(0, "The Content-Type has the charset %.60q, which is ignored here. It is not confirmed whether Twilio uses it.", charset)
	}
}

// readPlain makes one message of the whole text, as Twilio does with text/plain.
func (r *reader) readPlain(body []byte) {
	text := string(body)
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "\uFFFD")
		r.warn(0, "The text is not UTF-8. It is not confirmed what Twilio does with such bytes.")
	}
	if isBlank(text) {
		r.warn(14103, "The response is an empty text. It is not confirmed that Twilio treats this as an empty Response.")
		return
	}
	r.warn(0, "Twilio sends a text/plain response to the sender as a message, even if it is an error page.")
	r.addMessage(Verb{Body: text})
}
