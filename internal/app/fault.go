package app

import (
	"fmt"

	"smsession/internal/conversation"
)

// The faults of an app. Each one is a fixed word.
const (
	Unreachable      conversation.Fault = "unreachable"        // no request could be sent
	Timeout          conversation.Fault = "timeout"            // no complete answer came in time
	Broken           conversation.Fault = "broken"             // the connection broke, or the answer is not HTTP
	Status           conversation.Fault = "status"             // the status is not 2xx or 3xx
	Redirect         conversation.Fault = "redirect"           // a 3xx that is not followed
	NoContentType    conversation.Fault = "no_content_type"    // a body without a Content-Type
	ContentType      conversation.Fault = "content_type"       // a Content-Type that Twilio refuses
	NotTwiML         conversation.Fault = "not_twiml"          // Twilio would refuse the document
	TooLarge         conversation.Fault = "too_large"          // the answer, or the finished document
	TooManyDocuments conversation.Fault = "too_many_documents" // <Redirect> led to more than 10 documents
	Cookies          conversation.Fault = "cookies"            // a cookie or all cookies together cannot be kept
	NotJSON          conversation.Fault = "not_json"           // not JSON of the form that the protocol describes
	Data             conversation.Fault = "data"               // data is not an object, too large or too deep
	Replies          conversation.Fault = "replies"            // too many replies, an empty one, or reply and replies
)

// Faults returns all faults.
func Faults() []conversation.Fault {
	return []conversation.Fault{
		Unreachable, Timeout, Broken, Status, Redirect, NoContentType, ContentType, NotTwiML, TooLarge,
		TooManyDocuments, Cookies, NotJSON, Data, Replies,
	}
}

// failure is a fault with a sentence about it. The sentence is for a developer who looks at one call. It may contain
// what the app wrote, so it is not an error that could be logged.
type failure struct {
	fault   conversation.Fault
	problem string
}

func newFailure(fault conversation.Fault, format string, args ...any) *failure {
	return &failure{fault, fmt.Sprintf(format, args...)}
}
