package app

import (
	"strings"

	"smsession/internal/conversation"
	"smsession/internal/twiml"
)

const maxDocument = twiml.MaxBytes // bytes of one document

// page is a document of the app.
type page struct {
	twiml.Document
	at   place  // without the parameters of the message
	text string // of text/plain, which has no Root
}

// readPage reads an answer whose status is 2xx.
func readPage(at place, res answer) (page, *failure) {
	switch {
	case len(res.body) > maxDocument:
		return page{}, newFailure(TooLarge, "The document is larger than 64 KiB.")
	case len(res.body) == 0: // or 204, whose body net/http drops
		return page{at: at}, nil
	}
	p := page{at: at, Document: twiml.ReadResponse(res.status, res.header.Get("Content-Type"), res.body)}
	if p.Failure != nil {
		failed := newFailure(faultOf(p.Failure.Code), "%s", p.Failure.Detail)
		failed.code = p.Failure.Code
		if failed.fault == ContentType {
			failed.problem += " Send TwiML as text/xml. For an app that answers JSON, set APP_PROTOCOL=json."
		}
		return page{}, failed
	}
	if p.Root == nil && strings.TrimSpace(string(res.body)) != "" {
		p.text = string(res.body)
	}
	return p, nil
}

// faultOf returns the fault for one of Twilio's error numbers for a document with a good status and size.
func faultOf(code int) conversation.Fault {
	switch code {
	case 11200:
		return NoContentType
	case 12300:
		return ContentType
	}
	return NotTwiML
}

// redirect returns the verb that leads to another document, if the last executed verb is one.
func (p page) redirect() (_ twiml.Verb, has bool) {
	if n := len(p.Verbs); n > 0 && p.Verbs[n-1].IsRedirect {
		return p.Verbs[n-1], true
	}
	return twiml.Verb{}, false
}
