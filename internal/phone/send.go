package phone

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"smsession/internal/cookies"
	"smsession/internal/twilio"
	"smsession/internal/twiml"
)

// Twilio's limits for the answer to one message.
const (
	mostDocuments = 50 // https://www.twilio.com/docs/api/errors/14106
)

// sending is one message on its way.
type sending struct {
	ctx       context.Context
	phone     *Phone
	delivery  *Delivery
	buffers   *buffers
	form      form // what every request about the message carries
	documents int

	before, after cookies.List // the jar at the first request, and after the last answer
}

// Send delivers a message and returns when Twilio would have done with it, at the latest when ctx ends. It never
// returns nil; what went wrong stands in the Delivery.
func (p *Phone) Send(ctx context.Context, m Message) *Delivery {
	if m.SID == "" {
		m.SID = newSID(prefix(m))
	}
	began := time.Now()
	s := sending{
		ctx:      ctx,
		phone:    p,
		delivery: &Delivery{Message: m, Sent: p.Now(), Replies: []Reply{}, Findings: []Finding{}}, // JSON says [] and not null
		buffers:  p.options.Network.borrow(),
	}
	s.buffers.form = p.form(s.buffers.form[:0], &m)
	s.form = s.buffers.form
	s.deliver()
	p.options.Network.giveBack(s.buffers)
	s.delivery.Cookie = cookieChange(s.before, s.after)
	s.delivery.Took = time.Since(began)
	return s.delivery
}

// prefix is what the SID of a message begins with: MM with media, else SM.
func prefix(m Message) string {
	if len(m.Media) > 0 {
		return "MM"
	}
	return "SM"
}

// deliver goes to the webhook and, if no TwiML can be had there or none that can be executed, to the fallback.
//
// See https://www.twilio.com/docs/availability-reliability.
func (s *sending) deliver() {
	s.doubtParameters()
	broken := s.run(errand{reason: Primary, method: http.MethodPost, to: s.phone.webhook, form: s.form})
	if broken == nil || s.phone.fallback == nil || s.delivery.NotFollowed != "" || s.ctx.Err() != nil {
		return
	}
	if s.documents > 1 {
		s.warn(broken.URL, "Whether Twilio goes to the fallback URL when a later document fails is not confirmed.")
	}
	s.form = s.form.add("ErrorCode", strconv.Itoa(broken.Code)).add("ErrorUrl", broken.URL)
	s.run(errand{reason: Fallback, method: http.MethodPost, to: s.phone.fallback, form: s.form})
}

// run fetches a document, executes it, and goes on with the one that it leads to. It returns the error for which a
// document was of no use, nil if all were; of that document nothing is sent.
func (s *sending) run(e errand) *Finding {
	for {
		if s.documents == mostDocuments {
			s.find(fault(14106, "The TwiML leads to more than 50 documents.", e.to.url))
			return nil
		}
		s.documents++
		d, from, broken := s.fetch(e)
		if broken != nil {
			return broken
		}
		next, broken := s.execute(d.Verbs, from)
		if next == nil {
			return broken
		}
		e = *next
	}
}

// execute does what a document says, and returns what is to be fetched next, nil if nothing.
func (s *sending) execute(verbs []twiml.Verb, from *site) (*errand, *Finding) {
	for _, v := range verbs {
		if v.Kind == twiml.Redirect {
			return s.lead(errand{reason: Verb, method: v.Method, form: s.form}, from, v.URL)
		}
		if len(s.delivery.Replies) == twiml.MaxMessages {
			s.tooManyReplies(from.url)
			continue
		}
		r := s.reply(v)
		s.delivery.Replies = append(s.delivery.Replies, r)
		s.doubtReply(r, from.url)
		if v.Action != "" {
			s.warn(from.url, "What Twilio sends to the action of a <Message> is not confirmed, but for MessageSid and MessageStatus.")
			return s.lead(errand{reason: Action, method: v.Method, form: s.phone.status(nil, r, NewSID())}, from, v.Action)
		}
	}
	return nil, nil
}

// tooManyReplies notes once that the limit is passed: a single document's messages have been counted before.
func (s *sending) tooManyReplies(url string) {
	counted := func(f Finding) bool { return f.Code == 14109 }
	if !slices.ContainsFunc(s.delivery.Findings, counted) {
		s.find(fault(14109, "The documents together have more than 10 messages.", url))
	}
}

func (s *sending) reply(v twiml.Verb) Reply {
	r := Reply{
		From:     s.phone.options.To,
		To:       s.phone.options.From,
		Body:     v.Body,
		Media:    v.Media,
		Segments: s.phone.segments(v.Body, len(v.Media)),
	}
	if v.From != "" {
		r.From = v.From
	}
	if v.To != "" {
		r.To = v.To
	}
	return r
}

// lead completes an errand with the URL to which a document leads.
func (s *sending) lead(e errand, from *site, reference string) (*errand, *Finding) {
	to, err := from.next(reference)
	if err != nil {
		broken := fault(11100, "The TwiML leads to a URL that cannot be used: "+err.Error()+".", from.url)
		s.find(broken)
		return nil, &broken
	}
	if refused := s.leave(to); refused != nil {
		s.find(fault(refused.code, refused.detail, from.url))
		return nil, nil
	}
	e.to = to
	return &e, nil
}

// find adds a finding, a warning once: a document that leads to itself is judged up to 50 times.
func (s *sending) find(f Finding) {
	if !f.Warning || !slices.Contains(s.delivery.Findings, f) {
		s.delivery.Findings = append(s.delivery.Findings, f)
	}
}

// warn adds a warning of ours.
func (s *sending) warn(url, detail string) { s.find(caution(0, detail, url)) }

// doubtParameters warns where the parameters of a message are not what has been captured.
func (s *sending) doubtParameters() {
	switch name := channel(s.phone.options.From); {
	case name == "":
	case name != "whatsapp":
		s.warn("", "What Twilio sends for this channel is not confirmed.")
	case len(s.delivery.Message.Media) > 0:
		s.warn("", "What MessageType is for media on WhatsApp is not confirmed.")
	}
}

// doubt warns where it is not known whether Twilio would send the cookies that a request carries.
func (s *sending) doubt(r *request) {
	switch {
	case len(r.cookies) == 0:
	case channel(s.phone.options.From) != "":
		s.warn(r.to.url, "Whether Twilio keeps cookies for channels is not confirmed.")
	case len(s.delivery.Message.Media) > 0:
		s.warn(r.to.url, "Whether Twilio sends cookies with MMS is not confirmed.")
	case r.reason == Fallback:
		s.warn(r.to.url, "Whether Twilio sends the cookies to the fallback URL, too, is not confirmed.")
	}
}

// doubtReply warns of a reply to somebody who has just opted out. Twilio blocks the sender before it posts a STOP, unless
// the account or the number has no such words, which cannot be seen from here.
//
// See https://support.twilio.com/hc/en-us/articles/223134027.
func (s *sending) doubtReply(r Reply, url string) {
	o := &s.phone.options
	m := twilio.Message{From: o.From, To: o.To, Body: s.delivery.Message.Body, OptOutType: s.delivery.Message.OptOutType}
	if r.To == o.From && m.Keyword(twilio.OptOutDefault) == twilio.KeywordStop {
		s.find(caution(21610, "Twilio opts the sender out before it posts the message, and refuses any reply, unless the account is set up otherwise.", url))
	}
}
