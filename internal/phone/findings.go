package phone

import (
	"slices"

	"smsession/internal/twilio"
	"smsession/internal/twiml"
)

// findings are what one function has found.
type findings []Finding

// add adds findings about the request to a URL.
func (f *findings) add(url string, more ...Finding) {
	for _, each := range more {
		each.URL = url
		*f = append(*f, each)
	}
}

// warn adds a warning without a number.
func (f *findings) warn(url, detail string) { f.add(url, twiml.NewWarning(0, detail)) }

// withoutRepeats returns each warning once, because a document that redirects to itself is read up to 50 times. It
// returns 14109 once, because a single document can have too many messages, and so can all documents together.
func withoutRepeats(all findings) []Finding {
	once := []Finding{} // [] in JSON, not null
	for _, f := range all {
		isRepeat := f.Warning && slices.Contains(once, f) ||
			f.Code == 14109 && slices.ContainsFunc(once, func(other Finding) bool { return other.Code == f.Code })
		if !isRepeat {
			once = append(once, f)
		}
	}
	return once
}

// warnParameters warns if no request like this one has been captured.
func (s sending) warnParameters() (found findings) {
	switch name := channel(s.phone.options.From); {
	case name == "":
	case name != "whatsapp":
		found.warn("", "It is not confirmed what Twilio sends for this channel.")
	case len(s.message.Media) > 0:
		found.warn("", "It is not confirmed which MessageType Twilio sends for media on WhatsApp.")
	}
	return found
}

// warnCookies warns if the documentation does not show whether Twilio would send the cookies of a request.
func (s sending) warnCookies(r request) (found findings) {
	switch {
	case channel(s.phone.options.From) != "":
		found.warn(r.signed(), "It is not confirmed whether Twilio keeps cookies for channels.")
	case len(s.message.Media) > 0:
		found.warn(r.signed(), "It is not confirmed whether Twilio sends cookies with MMS.")
	case r.reason == Fallback:
		found.warn(r.signed(), "It is not confirmed whether Twilio sends the cookies to the fallback URL, too.")
	}
	return found
}

// warnReply warns of a reply to a person who has just opted out. Twilio blocks the person before it posts a STOP, unless
// the account or the number has no opt-out words, which the phone cannot know.
//
// See https://support.twilio.com/hc/en-us/articles/223134027.
func (s sending) warnReply(r Reply, url string) (found findings) {
	from, to := s.phone.options.From, s.phone.options.To
	m := twilio.Message{From: from, To: to, Body: s.message.Body, OptOutType: s.message.OptOutType}
	if r.To == from && m.Keyword(twilio.OptOutDefault) == twilio.KeywordStop {
		found.add(url, twiml.NewWarning(21610,
			"Twilio opts the sender out before it posts the message, and refuses any reply, unless the account is set up otherwise."))
	}
	return found
}
