package phone

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"smsession/internal/cookies"
	"smsession/internal/twiml"
)

// maxDocuments is how many documents Twilio requests for one message (https://www.twilio.com/docs/api/errors/14106).
const maxDocuments = 50

// dispatch is the delivery of one message while it is in progress. One goroutine uses it.
type dispatch struct {
	phone     *Phone
	delivery  *Delivery
	params    []param // of every request about the message
	documents int     // requested so far

	before, after cookies.List // at the first request, and after the last response
}

// Send delivers a message. It returns when Twilio would have finished, or when ctx ends. It never returns nil; what went
// wrong is among the findings of the Delivery.
func (p *Phone) Send(ctx context.Context, m Message) *Delivery {
	if m.SID == "" && len(m.Media) > 0 {
		m.SID = "MM" + randomHex()
	}
	m.SID = cmp.Or(m.SID, NewSID())
	began := time.Now()
	d := dispatch{
		phone:    p,
		delivery: &Delivery{Message: m, Sent: p.Now(), Replies: []Reply{}, Findings: []Finding{}}, // [] in JSON, not null
		params:   p.parameters(m),
	}
	d.warnParameters()
	d.deliver(ctx)
	d.delivery.Cookie = cookieChange(d.before, d.after)
	d.delivery.Took = time.Since(began)
	return d.delivery
}

// deliver calls the webhook. If there is no TwiML that Twilio can execute, it calls the fallback URL.
//
// See https://www.twilio.com/docs/availability-reliability.
func (d *dispatch) deliver(ctx context.Context) {
	fatal := d.run(ctx, request{reason: Primary, method: http.MethodPost, to: d.phone.webhook, form: encode(d.params)})
	if fatal == nil || d.phone.fallback == nil || d.delivery.NotFollowed != "" || ctx.Err() != nil {
		return
	}
	if d.documents > 1 {
		d.warn(fatal.URL, "It is not confirmed whether Twilio calls the fallback URL when a later document fails.")
	}
	d.params = append(d.params, param{"ErrorCode", strconv.Itoa(fatal.Code)}, param{"ErrorUrl", fatal.URL})
	d.run(ctx, request{reason: Fallback, method: http.MethodPost, to: d.phone.fallback, form: encode(d.params)})
}

// run requests a document, executes it, and goes on with the document that it leads to. It returns the error of a
// document that Twilio cannot execute, or nil.
func (d *dispatch) run(ctx context.Context, r request) *Finding {
	for {
		if d.documents == maxDocuments {
			d.fail(&failure{code: 14106, detail: "The TwiML leads to more than 50 documents."}, r.to.public.String())
			return nil
		}
		d.documents++
		verbs, from, fatal := d.fetch(ctx, r)
		if fatal != nil {
			return fatal
		}
		next, fatal := d.execute(verbs, from)
		if next == nil {
			return fatal
		}
		r = *next
	}
}

// execute executes the verbs of a document. It returns the request for the next document, nil if there is none.
func (d *dispatch) execute(verbs []twiml.Verb, from *target) (*request, *Finding) {
	url := from.public.String()
	for _, v := range verbs {
		if v.IsRedirect {
			return d.nextRequest(request{reason: Verb, method: v.Method, form: encode(d.params)}, from, v.URL)
		}
		if len(d.delivery.Replies) == twiml.MaxMessages {
			isReported := func(f Finding) bool { return f.Code == 14109 } // also by a document that has too many on its own
			if !slices.ContainsFunc(d.delivery.Findings, isReported) {
				d.fail(&failure{code: 14109, detail: "The documents together have more than 10 messages."}, url)
			}
			continue
		}
		r := Reply{From: cmp.Or(v.From, d.phone.options.To), To: cmp.Or(v.To, d.phone.options.From), Body: v.Body, Media: v.Media}
		r.Segments = d.phone.segments(v.Body, len(v.Media))
		d.delivery.Replies = append(d.delivery.Replies, r)
		d.warnReply(r, url)
		if v.Action != "" {
			d.warn(url, "It is not confirmed what Twilio sends to the action of a <Message>, except for MessageSid and MessageStatus.")
			return d.nextRequest(request{reason: Action, method: v.Method, form: encode(d.phone.statusParameters(r))}, from, v.Action)
		}
	}
	return nil, nil
}

// nextRequest completes the request for the URL that a document leads to.
func (d *dispatch) nextRequest(r request, from *target, reference string) (*request, *Finding) {
	to, failed := d.next(from, reference, 11100, "The TwiML leads to a URL that cannot be used")
	if failed != nil {
		return nil, d.fail(failed, from.public.String())
	}
	r.to = to
	return &r, nil
}
