package devphone

import (
	"math"
	"net/http"
	"strconv"
	"time"

	"smsession/internal/gsm"
	"smsession/internal/phone"
	"smsession/internal/twilio"
	"smsession/internal/twiml"
	"smsession/internal/weburl"
)

// endpoint is a URL of the service to which others may send messages.
type endpoint struct {
	url      string // as Twilio signs it, without its query
	reason   phone.Reason
	verifier *twilio.Verifier
}

// newEndpoints returns the endpoints by their path at this service.
func newEndpoints(o phone.Options) map[string]*endpoint {
	add := func(e phone.Endpoint, reason phone.Reason) *endpoint {
		tokens := twilio.Tokens{{Value: o.AuthToken}}
		return &endpoint{url: e.URL, reason: reason, verifier: twilio.NewVerifier(weburl.Split(e.URL), tokens)}
	}
	all := map[string]*endpoint{weburl.WebhookPath: add(o.Webhook, phone.Primary)}
	if o.Fallback != (phone.Endpoint{}) {
		all[weburl.FallbackPath] = add(o.Fallback, phone.Fallback)
	}
	return all
}

// begin adds a message to the log of its phone, if the message is from elsewhere and has a valid signature. A message
// of a phone of the page is underway until this phone has its answer.
func (p *Page) begin(a *arrival) {
	form, err := twilio.ParseForm(a.body.Bytes())
	if err != nil || form.IsReceipt() || p.underway.has(form.Get("MessageSid")) {
		return
	}
	m, err := twilio.ParseMessage(form)
	_, isSigned := p.endpoints[a.URL.Path].verifier.Verify(a.Header.Get("X-Twilio-Signature"), a.query(), form)
	if err != nil || !isSigned {
		return
	}
	d := p.guest(m.From, m.To)
	if d == nil {
		return
	}
	shown := phone.Message{SID: m.SID, Body: m.Body, Media: media(form), OptOutType: m.OptOutType}
	a.device, a.message = d, m
	a.entry = d.put(entry{Kind: kindElsewhere, Message: &shown, Segments: d.segments(shown), lastCall: a.lastCall})
}

// finish adds the answer to the entry of a message from elsewhere.
func (p *Page) finish(a *arrival) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.isOver = true
	if a.device == nil {
		return
	}
	document := twiml.ReadResponse(a.status, a.header.Get("Content-Type"), a.answer.Bytes())
	e := a.entry
	e.Outcome = &outcome{
		OK: document.Failure == nil, Took: time.Since(a.began), Replies: replies(document.Verbs, a.message),
		Findings: document.Findings,
	}
	e.Outcome.Fault, e.Outcome.Problem = lastFault(p.calls.of(a.message.SID, a.lastCall, math.MaxInt))
	e.exchanges = []phone.Exchange{a.exchange(*p.endpoints[a.URL.Path], e.At)}
	e.Outcome.Replica, e.Outcome.Way = p.trace(e.exchanges, e.Outcome.Took)
	a.device.put(e)
}

// query returns the query of a request, with its question mark.
func (a *arrival) query() string {
	if a.URL.RawQuery == "" && !a.URL.ForceQuery {
		return ""
	}
	return "?" + a.URL.RawQuery
}

// exchange returns the request and its answer, as a phone of the page would have seen them. The header is without a
// password.
func (a *arrival) exchange(e endpoint, now time.Time) phone.Exchange {
	header := a.Header.Clone()
	if header.Get("Authorization") != "" {
		header.Set("Authorization", "•••")
	}
	url := e.url + a.query()
	return phone.Exchange{
		Reason: e.reason, Method: http.MethodPost, URL: url, Address: url, Sent: now, Took: time.Since(a.began),
		Status: a.status, Signature: header.Get("X-Twilio-Signature"), RequestHeader: header,
		RequestBody: a.body.String(), ResponseHeader: a.header.Clone(), ResponseBody: a.answer.String(),
	}
}

// media returns the attachments of a message.
func media(form twilio.Form) (all []phone.Media) {
	for i := 0; form.Has("MediaUrl" + strconv.Itoa(i)); i++ {
		n := strconv.Itoa(i)
		all = append(all, phone.Media{URL: form.Get("MediaUrl" + n), ContentType: form.Get("MediaContentType" + n)})
	}
	return all
}

// replies returns the messages of a document, as Twilio would send them in reply to m.
func replies(verbs []twiml.Verb, m twilio.Message) []phone.Reply {
	all := []phone.Reply{}
	for _, v := range verbs {
		if !v.IsRedirect {
			segments := gsm.Split(v.Body)
			all = append(all, phone.Reply{From: m.To, To: m.From, Body: v.Body, Media: v.Media, Segments: segments})
		}
	}
	return all
}
