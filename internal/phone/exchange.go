package phone

import (
	"errors"
	"time"

	"smsession/internal/cookies"
)

// exchange makes a request once and takes the cookies of the answer.
func (s *sending) exchange(r *request, end time.Time) (answer, *failure) {
	p := s.phone
	found := p.cookies.Snapshot(r.to.parsed, p.Now())
	if s.delivery.Message.Cookieless {
		found.Sent = nil
	}
	if len(s.delivery.Exchanges) == 0 {
		s.before, s.after = found.All, found.All
	}
	r.cookies = found.Sent
	s.doubt(r)
	sent, began := p.Now(), time.Now()
	a, failed := p.options.Network.roundTrip(s.ctx, r, end, s.buffers)
	s.record(r, a, failed, sent, time.Since(began))
	if failed == nil {
		failed = s.take(r, found, a)
	}
	return a, failed
}

// record adds an exchange to the delivery.
func (s *sending) record(r *request, a answer, failed *failure, sent time.Time, took time.Duration) {
	e := Exchange{
		Reason:  r.reason,
		Method:  r.method,
		URL:     r.to.url,
		Address: r.to.address,
		Sent:    sent,
		Took:    took,
		Status:  a.status,
	}
	if failed != nil {
		e.Error = failed.detail
	}
	if s.phone.options.Trace {
		e.Signature = r.signature
		e.RequestHeader = r.header()
		e.RequestBody = string(r.form)
		e.ResponseHeader = a.header
		e.ResponseBody = string(a.body)
	}
	s.delivery.Exchanges = append(s.delivery.Exchanges, e)
}

// take puts the answer's cookies into the jar. It fails where Twilio refuses the whole answer for one of them.
func (s *sending) take(r *request, found cookies.Snapshot, a answer) *failure {
	now := s.phone.Now()
	var sets []cookies.SetCookie
	for _, line := range a.header["Set-Cookie"] {
		c, err := cookies.Parse(line, now)
		switch {
		case errors.Is(err, cookies.ErrIgnored):
			s.warn(r.to.url, "A Set-Cookie header has no equals sign. Browsers ignore it, and so does this phone.")
			continue
		case err != nil:
			return &failure{code: 11206, detail: "Twilio refuses the response: " + err.Error() + "."}
		case s.phone.options.Jar.Strict && !c.Accepts(r.to.parsed):
			s.warn(r.to.url, "A cookie is set for a domain that is not the server's. A browser refuses it.")
			continue
		case c.Deletes():
			s.warn(r.to.url, "That Twilio takes a cookie away whose Max-Age or Expires has passed is not confirmed.")
		}
		sets = append(sets, c)
	}
	s.after = s.phone.cookies.Update(found, r.to.parsed, sets, now)
	return nil
}
