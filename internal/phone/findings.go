package phone

import (
	"slices"

	"smsession/internal/twilio"
	"smsession/internal/twiml"
)

// withoutRepeats returns the findings with each warning only once, because a document that redirects to itself is read
// up to 50 times. It leaves out the 14109 of all documents together if there is already a 14109 of one of them.
func withoutRepeats(all []Finding) []Finding {
	once := []Finding{} // [] in JSON, not null
	for _, f := range all {
		hasCode := func(other Finding) bool { return other.Code == f.Code }
		isRepeat := f.Warning && slices.Contains(once, f) ||
			f.Detail == tooManyMessages && slices.ContainsFunc(once, hasCode)
		if !isRepeat {
			once = append(once, f)
		}
	}
	return once
}

// warnParameters warns if the parameters of the message are assumed, because no request of this kind has been captured.
func (s sending) warnParameters() (found twiml.Findings) {
	switch name := channel(s.phone.options.From); {
	case name == "":
	case name != "whatsapp":
		found.Warn(0, "It is not confirmed which parameters Twilio sends for this channel.")
	case len(s.message.Media) > 0:
		found.Warn(0, "It is not confirmed which MessageType Twilio sends for media on WhatsApp.")
	}
	return found
}

// warnCookies warns if the documentation does not show whether Twilio would send the cookies of a request.
func (s sending) warnCookies(r request) (found twiml.Findings) {
	switch {
	case channel(s.phone.options.From) != "":
		found.Warn(0, "It is not confirmed whether Twilio keeps cookies for channels.")
	case len(s.message.Media) > 0:
		found.Warn(0, "It is not confirmed whether Twilio sends cookies with MMS.")
	case r.reason == Fallback:
		found.Warn(0, "It is not confirmed whether Twilio sends the cookies to the fallback URL, too.")
	}
	return found
}

// warnReply warns about a reply to a person who has just opted out. Twilio blocks replies to the person before it posts
// a STOP, unless opt-out words are turned off for the account or the number. The phone does not know these settings.
//
// See https://support.twilio.com/hc/en-us/articles/223134027.
func (s sending) warnReply(r Reply) (found twiml.Findings) {
	from, to := s.phone.options.From, s.phone.options.To
	m := twilio.Message{From: from, To: to, Body: s.message.Body, OptOutType: s.message.OptOutType}
	if r.To == from && m.Keyword(twilio.OptOutDefault) == twilio.KeywordStop {
		found.Warn(21610, "Twilio opts the sender out before it posts the message. Then it refuses every reply, "+
			"unless opt-out words are turned off for the account.")
	}
	return found
}
