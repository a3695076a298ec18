package phone

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"smsession/internal/twiml"
)

// maxDocuments is how many documents Twilio requests for one message (https://www.twilio.com/docs/api/errors/14106).
const maxDocuments = 50

// tooManyMessages is the detail of the error 14109 about all documents of a message together.
const tooManyMessages = "The documents together have more than 10 messages."

// sending is a message that the phone sends. Its methods do not change it.
type sending struct {
	phone    *Phone
	message  Message
	params   []Param // the parameters of the message
	own      string  // the text with which Twilio has answered an opt-out word; "" if there is none
	optedOut bool    // the sender is opted out, so Twilio refuses the replies
}

// documentResult is the result of one document of a delivery: the requests for it, and the effects of its verbs.
type documentResult struct {
	exchanges   []exchanged
	replies     []Reply
	callbacks   []callback // of the replies
	findings    []Finding
	next        *request // for the next document; nil if there is none
	fatal       *Finding // the error that makes Twilio call the fallback URL
	notFollowed string   // as Delivery.NotFollowed
}

// with returns the result with findings about the request to a URL.
func (r documentResult) with(url string, found twiml.Findings) documentResult {
	for _, f := range found {
		f.URL = url
		r.findings = append(r.findings, f)
	}
	return r
}

// failing returns the result with an error of the request to a URL. This error is the fatal one.
func (r documentResult) failing(failed *failure, url string) documentResult {
	var found twiml.Findings
	found.Fail(failed.code, "%s", failed.detail)
	r = r.with(url, found)
	r.fatal, r.notFollowed = &r.findings[len(r.findings)-1], failed.notFollowed
	return r
}

// Send delivers a message as Twilio would. It returns when the delivery has finished or ctx has ended. It never returns
// nil. The findings of the Delivery contain every error; the end of ctx is an error with the code 0.
func (p *Phone) Send(ctx context.Context, m Message) *Delivery {
	m = m.WithSID()
	m = p.withOptOutType(m)
	d := &Delivery{Message: m, Sent: p.Now(), Replies: []Reply{}} // [] in JSON, not null
	began := time.Now()
	s := sending{phone: p, message: m, params: replace(p.parameters(m), p.options.Params)}
	if !p.answered.has(m.SID) { // Twilio answers a word once, however often it posts the message
		s.own = p.optOut(m)
	}
	if s.optedOut = p.OptedOut(); s.own != "" {
		d.Replies = append(d.Replies, s.reply(twiml.Verb{Body: s.own}))
		d.Replies[0].FromTwilio, d.Replies[0].Status = true, Delivered
	}
	results := s.deliver(ctx)
	d.Took = time.Since(began)
	findings := []Finding(s.warnParameters())
	var exchanges []exchanged
	for _, result := range append(results, s.callBack(ctx, results)...) {
		exchanges = append(exchanges, result.exchanges...)
		d.Replies = append(d.Replies, result.replies...)
		findings = append(findings, result.findings...)
		d.NotFollowed = cmp.Or(d.NotFollowed, result.notFollowed)
	}
	for _, e := range exchanges {
		d.Exchanges = append(d.Exchanges, e.Exchange)
	}
	if isAnswer(results) {
		found := p.answered.compare(m.SID, p.Now(), d.Replies)
		d.ActsTwice = len(found) > 0 && !found[0].Warning
		findings = append(findings, found...)
	}
	d.Findings = withoutRepeats(findings)
	d.Cookie, d.OptedOut = cookieChange(exchanges), s.optedOut
	return d
}

// isAnswer reports whether the webhook, and not its fallback, has answered a message with TwiML that Twilio executes.
func isAnswer(results []documentResult) bool {
	return !slices.ContainsFunc(results, func(r documentResult) bool { return r.fatal != nil })
}

// reply returns the reply of a message.
func (s sending) reply(v twiml.Verb) Reply {
	o := s.phone.options
	r := Reply{SID: NewSID(), Status: Delivered, Body: v.Body, Media: v.Media}
	r.From, r.To = cmp.Or(v.From, o.To), cmp.Or(v.To, o.From)
	r.Segments = s.phone.segments(v.Body, len(v.Media))
	if s.refuses(r) {
		r.Status = Refused
	}
	return r
}

// deliver calls the webhook. If there is no TwiML that Twilio can execute, it calls the fallback URL.
//
// See https://www.twilio.com/docs/availability-reliability.
func (s sending) deliver(ctx context.Context) []documentResult {
	p := s.phone
	results := s.run(ctx, nil, request{reason: Primary, method: http.MethodPost, to: p.webhook, form: encode(s.params)})
	last := results[len(results)-1]
	if last.fatal == nil || p.fallback == nil || last.notFollowed != "" || ctx.Err() != nil {
		return results
	}
	if len(results) > 1 {
		var found twiml.Findings
		found.Warn(0, "It is not confirmed whether Twilio calls the fallback URL when a later document fails.")
		results[len(results)-1] = last.with(last.fatal.URL, found)
	}
	s.params = append(s.params, Param{"ErrorCode", strconv.Itoa(last.fatal.Code)}, Param{"ErrorUrl", last.fatal.URL})
	fallback := request{reason: Fallback, method: http.MethodPost, to: p.fallback, form: encode(s.params)}
	return s.run(ctx, results, fallback)
}

// run requests and executes a document, and then each document that follows it. It adds one result for each document.
func (s sending) run(ctx context.Context, results []documentResult, r request) []documentResult {
	for next := &r; next != nil; next = results[len(results)-1].next {
		if len(results) == maxDocuments {
			tooMany := &failure{code: 14106, detail: "The TwiML leads to more than 50 documents."}
			last := documentResult{}.failing(tooMany, next.to.public.String())
			last.fatal = nil // Twilio has executed documents, so it does not call the fallback URL
			return append(results, last)
		}
		replies := 0
		for _, earlier := range results {
			replies += len(earlier.replies)
		}
		result, verbs, from := s.fetch(ctx, *next)
		results = append(results, s.execute(result, verbs, from, replies))
	}
	return results
}

// execute executes the verbs of a document. from is the target that returned the document, and replies is the number of
// replies to earlier documents. It returns the result with its replies and with the request for the next document.
func (s sending) execute(result documentResult, verbs []twiml.Verb, from *target, replies int) documentResult {
	for _, v := range verbs {
		var found twiml.Findings
		if v.IsRedirect {
			return s.followVerb(result, request{reason: Verb, method: v.Method, form: encode(s.params)}, from, v.URL)
		}
		if replies+len(result.replies) == twiml.MaxMessages {
			found.Fail(14109, tooManyMessages)
			result = result.with(from.public.String(), found)
			continue
		}
		r := s.reply(v)
		result.replies = append(result.replies, r)
		if v.StatusCallback != "" {
			result.callbacks = append(result.callbacks, callback{r, from, v.StatusCallback})
		}
		found = s.judgeReply(r)
		if v.Action != "" {
			found.Warn(0, "It is not confirmed what Twilio sends to the action of a <Message>, "+
				"except for MessageSid and MessageStatus.")
		}
		result = result.with(from.public.String(), found)
		if v.Action != "" {
			status := "queued"
			if r.Status == Refused {
				status = "failed"
			}
			form := encode(s.phone.status(r, status, s.phone.Now()))
			return s.followVerb(result, request{reason: Action, method: v.Method, form: form}, from, v.Action)
		}
	}
	return result
}

// followVerb returns the result with the request for the next document, at a URL that the document contains.
func (s sending) followVerb(result documentResult, r request, from *target, reference string) documentResult {
	to, failed := s.phone.next(from, reference, 11100, "The TwiML leads to a URL that cannot be used")
	if failed != nil {
		return result.failing(failed, from.public.String())
	}
	r.to = to
	result.next = &r
	return result
}
