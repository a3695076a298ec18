package app

import (
	"fmt"
	"net/http"

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
	code    int // Twilio's number for an error of the document, or 0
}

func newFailure(fault conversation.Fault, format string, args ...any) *failure {
	return &failure{fault: fault, problem: fmt.Sprintf(format, args...)}
}

// badStatus returns the failure of an answer whose status is neither 2xx nor 3xx, with advice for the usual reasons.
func (s site) badStatus(status int) *failure {
	advice := ""
	switch status {
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		advice = " Check the path of APP_URL: the app must accept a POST there."
	case http.StatusBadRequest:
		advice = " If the app refuses the Host, set APP_PUBLIC_URL to a URL with a host that it knows."
	case http.StatusUnauthorized, http.StatusForbidden:
		advice = fmt.Sprintf(" It probably refuses the signature or the Host. The app was called as %s: if it expects "+
			"another URL, set APP_PUBLIC_URL. It must check the signature with the token or the secret of the service.",
			s.public.Concealed())
	}
	return newFailure(Status, "The app answered %d %s.%s", status, http.StatusText(status), advice)
}

// moved returns the failure of a redirect that is not followed because of its status or its protocol.
func (s site) moved(from place, res answer) *failure {
	location := res.header.Get("Location")
	if location == "" {
		return newFailure(Redirect, "The app answered %d without a Location.", res.status)
	}
	if absolute, err := from.base.Resolve(location); err == nil {
		location = absolute
	}
	if at, isOwn := s.find(location); isOwn {
		location = at.request().String()
	}
	return newFailure(Redirect, "The app answered %d, which is not followed here. If the webhook has moved, or only a "+
		"slash is missing, set APP_URL to the new URL: %.200q.", res.status, location)
}
