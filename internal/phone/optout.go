package phone

import (
	"strings"

	"smsession/internal/twilio"
	"smsession/internal/twiml"
)

// The texts with which Twilio answers opt-out words, unless Advanced Opt-Out has other texts.
//
// See https://help.twilio.com/articles/223134027.
const (
	stopText = "You have successfully been unsubscribed. You will not receive any more messages from this number. " +
		"Reply START to resubscribe."
	startText = "You have successfully been re-subscribed to messages from this number. Reply HELP for help. " +
		"Reply STOP to unsubscribe. Msg&Data Rates May Apply."
	helpText = "Reply STOP to unsubscribe. Msg&Data Rates May Apply."
)

// withOptOutType returns the message with the OptOutType that Twilio adds if Advanced Opt-Out is on. The phone uses
// Twilio's own words, because it does not know those of the service.
func (p *Phone) withOptOutType(m Message) Message {
	if p.options.OptOut == twilio.OptOutAdvanced && m.OptOutType == "" {
		m.OptOutType = strings.ToUpper(string(p.keyword(m, twilio.OptOutDefault)))
	}
	return m
}

func (p *Phone) keyword(m Message, mode twilio.OptOutMode) twilio.Keyword {
	return twilio.Message{From: p.options.From, To: p.options.To, Body: m.Body, OptOutType: m.OptOutType}.Keyword(mode)
}

// optOut opts the sender of a message out or in, as Twilio does before it posts the message, and returns the text with
// which Twilio answers, or "". A sender who is opted out gets no answer to STOP and HELP. YES opts the sender in, but
// is an ordinary message otherwise.
//
// See https://help.twilio.com/articles/223134027 and https://help.twilio.com/articles/360058144374.
func (p *Phone) optOut(m Message) (text string) {
	if m.Forged {
		return "" // Twilio has not seen the message
	}
	switch p.keyword(m, p.options.OptOut) {
	case twilio.KeywordStop:
		if !p.optedOut.Swap(true) {
			return stopText
		}
	case twilio.KeywordStart:
		p.optedOut.Store(false)
		return startText
	case twilio.KeywordHelp:
		if !p.optedOut.Load() {
			return helpText
		}
	default:
		start := m
		start.Body = "START" // YES is an opt-in word wherever START is one
		isYes := strings.EqualFold(strings.TrimSpace(m.Body), "YES") && p.keyword(start, twilio.OptOutDefault) != ""
		if isYes && p.optedOut.Swap(false) {
			return startText
		}
	}
	return ""
}

// refuses reports whether Twilio refuses a reply, because its recipient is opted out. An opt-out applies to our number,
// or to all numbers of its Messaging Service. It applies to SMS, MMS and RCS together.
func (s sending) refuses(r Reply) bool {
	isSame := func(a, b string) bool { return strings.TrimPrefix(a, "rcs:") == strings.TrimPrefix(b, "rcs:") }
	o := s.phone.options
	return s.optedOut && isSame(r.To, o.From) && (o.MessagingServiceSID != "" || isSame(r.From, o.To))
}

// judgeReply returns the findings about a reply and the opt-out words.
func (s sending) judgeReply(r Reply) (found twiml.Findings) {
	switch {
	case r.Status == Refused:
		found.Fail(21610, "The sender has sent STOP, and no START since. Twilio refuses every reply.")
	case s.own != "" && r.To == s.phone.options.From && s.phone.keyword(s.message, s.phone.options.OptOut) != "":
		found.Warn(0, "Twilio has answered this word itself, so the sender gets two replies.")
	}
	return found
}
