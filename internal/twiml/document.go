// Package twiml reads TwiML as Twilio reads it. It returns the verbs that Twilio would execute, and the entries that
// Twilio's debugger would show. Where Twilio's documentation leaves something open, the package assumes the likeliest
// behaviour and reports a warning. The package does not write TwiML. Its functions may be called concurrently.
package twiml

// MaxBytes is the size of the largest response that Twilio reads, 64 kB. Twilio does not document whether 64 kB are
// 65,536 or 64,000 bytes (https://www.twilio.com/docs/api/errors/11750).
const MaxBytes = 64 << 10

// MaxMessages is the largest number of messages that Twilio sends in reply to one message
// (https://www.twilio.com/docs/api/errors/14109).
const MaxMessages = 10

// Document is one response as Twilio reads it. It shares no memory with other documents.
type Document struct {
	Root     *Element // the <Response>; nil for plain text and if Twilio cannot execute the document
	Verbs    []Verb   // the verbs that Twilio executes, in order
	Source   []byte   // the text of Root, in UTF-8 and without a byte order mark; the offsets of elements refer to it
	Findings Findings
	Failure  *Finding // the error for which Twilio refuses the whole response; nil if Twilio accepts it
}

// failed returns a document that Twilio does not execute.
func failed(code int, format string, args ...any) Document {
	var found Findings
	found.Fail(code, format, args...)
	return Document{Findings: found, Failure: &found[0]}
}

// after returns the document with earlier findings in front of its own.
func (d Document) after(found Findings) Document {
	d.Findings = append(found, d.Findings...)
	return d
}

// Verb is an instruction of a document: a message, or a redirect.
type Verb struct {
	// The fields of a message, which has a body, media or both.
	Body     string
	Media    []string
	To, From string // "" if Twilio chooses the address
	Action   string // the URL of the next document; "" if Twilio continues with the next verb

	StatusCallback string // the URL that Twilio tells what becomes of the message; "" if there is none

	IsRedirect bool
	URL        string // of a redirect: the URL of the next document as it is written; "" for the same document
	Method     string // for Action and URL: GET or POST; "" if there is no next document
}
