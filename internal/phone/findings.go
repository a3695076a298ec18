package phone

import (
	"slices"

	"smsession/internal/twilio"
	"smsession/internal/twiml"
)

// add adds a finding. It adds a warning only once, because a document that leads to itself is read up to 50 times.
func (d *dispatch) add(f Finding) {
	if !f.Warning || !slices.Contains(d.delivery.Findings, f) {
		d.delivery.Findings = append(d.delivery.Findings, f)
	}
}

// fail adds and returns an error.
func (d *dispatch) fail(code int, detail, url string) *Finding {
	f := newFinding(twiml.Finding{Code: code, Detail: detail}, url)
	d.add(f)
	return &f
}

// warn adds a warning without a number.
func (d *dispatch) warn(url, detail string) { d.add(Finding{Detail: detail, URL: url, Warning: true}) }

// newFinding adds Twilio's name and the URL to a finding.
func newFinding(f twiml.Finding, url string) Finding {
	return Finding{Code: f.Code, Name: errorNames[f.Code], Detail: f.Detail, URL: url, Warning: f.Warning}
}

// warnParameters warns if no request like this one has been captured.
func (d *dispatch) warnParameters() {
	switch name := channel(d.phone.options.From); {
	case name == "":
	case name != "whatsapp":
		d.warn("", "It is not confirmed what Twilio sends for this channel.")
	case len(d.delivery.Message.Media) > 0:
		d.warn("", "It is not confirmed which MessageType Twilio sends for media on WhatsApp.")
	}
}

// warnCookies warns if it is not known whether Twilio would send the cookies of a request.
func (d *dispatch) warnCookies(reason Reason, url string) {
	switch {
	case channel(d.phone.options.From) != "":
		d.warn(url, "It is not confirmed whether Twilio keeps cookies for channels.")
	case len(d.delivery.Message.Media) > 0:
		d.warn(url, "It is not confirmed whether Twilio sends cookies with MMS.")
	case reason == Fallback:
		d.warn(url, "It is not confirmed whether Twilio sends the cookies to the fallback URL, too.")
	}
}

// warnReply warns of a reply to a person who has just opted out. Twilio blocks the person before it posts a STOP, unless
// the account or the number has no opt-out words, which the phone cannot know.
//
// See https://support.twilio.com/hc/en-us/articles/223134027.
func (d *dispatch) warnReply(r Reply, url string) {
	o := &d.phone.options
	m := twilio.Message{From: o.From, To: o.To, Body: d.delivery.Message.Body, OptOutType: d.delivery.Message.OptOutType}
	if r.To == o.From && m.Keyword(twilio.OptOutDefault) == twilio.KeywordStop {
		const detail = "Twilio opts the sender out before it posts the message, and refuses any reply, unless the account is set up otherwise."
		d.add(newFinding(twiml.Finding{Code: 21610, Detail: detail, Warning: true}, url))
	}
}
