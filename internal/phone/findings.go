package phone

import (
	"slices"

	"smsession/internal/twilio"
	"smsession/internal/twiml"
)

// add adds a finding. It adds a warning only once, because a document that redirects to itself is read up to 50 times.
func (d *dispatch) add(f Finding) {
	if !f.Warning || !slices.Contains(d.delivery.Findings, f) {
		d.delivery.Findings = append(d.delivery.Findings, f)
	}
}

// fail adds and returns an error.
func (d *dispatch) fail(failed *failure, url string) *Finding {
	f := newFinding(twiml.Finding{Code: failed.code, Detail: failed.detail}, url)
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

// warnCookies warns if the documentation does not show whether Twilio would send the cookies of a request.
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

// errorNames are Twilio's names for its error numbers. Each number has a page, such as
// https://www.twilio.com/docs/api/errors/11200. The map does not change.
var errorNames = map[int]string{
	11100: "Invalid URL format",
	11200: "HTTP retrieval failure",
	11202: "TCP connection refused",
	11203: "HTTP communication total time out triggered",
	11205: "HTTP connection failure",
	11206: "HTTP protocol violation",
	11210: "HTTP bad host name",
	11215: "HTTP too many redirects",
	11216: "HTTP invalid redirect",
	11217: "HTTP error response code",
	11220: "SSL/TLS Handshake Error",
	11235: "Certificate Invalid - Domain Mismatch",
	11236: "Certificate Invalid - Certificate Expired",
	11237: "Certificate Invalid - Could not find path to certificate",
	11750: "TwiML response body too large",
	12100: "Document parse failure",
	12101: "Invalid Twilio Markup XML version",
	12102: "The root element must be Response",
	12200: "Schema validation warning",
	12300: "Invalid Content-Type",
	14101: `Invalid "To" attribute`,
	14102: `Invalid "From" attribute`,
	14103: "Invalid Body",
	14104: "Invalid Method attribute",
	14105: "Invalid statusCallback attribute",
	14106: "Document retrieval limit reached",
	14109: "TwiML Reply message limit exceeded",
	14110: "Invalid Verb for SMS Reply",
	21610: "Attempt to send to unsubscribed recipient",
	21617: "The concatenated message body exceeds the 1600 character limit",
}
