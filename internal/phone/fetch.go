package phone

import (
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"smsession/internal/twilio"
	"smsession/internal/twiml"
)

// errand is one document to fetch.
type errand struct {
	reason Reason
	method string
	to     *site
	form   form
}

// fetch gets a document and judges it, and says where in the end it came from: through redirects and, as its
// connection overrides have it, with several tries. All of that together takes no longer than they allow.
func (s *sending) fetch(e errand) (twiml.Document, *site, *Finding) {
	end := time.Now().Add(e.to.overrides.total)
	for hops := 0; ; hops++ {
		r := s.request(e)
		a, failed := s.try(r, end)
		if failed == nil && a.status/100 != 3 {
			document, broken := s.read(r.to.url, a)
			return document, e.to, broken
		}
		from := r.to.url
		if failed == nil && hops == mostRedirects {
			s.warn(from, "How many redirects Twilio follows is not confirmed.")
			failed = tooManyRedirects()
		}
		if failed == nil {
			asking := time.Now()
			e, failed = s.follow(e, a)
			end = end.Add(time.Since(asking)) // a person may have been asked
		}
		if failed != nil {
			broken := fault(failed.code, failed.detail, from)
			s.find(broken)
			return twiml.Document{}, e.to, &broken
		}
	}
}

// read reads a response as Twilio does. It returns the error for which Twilio cannot execute it.
func (s *sending) read(url string, a answer) (twiml.Document, *Finding) {
	d := twiml.ReadResponse(a.status, a.header.Get("Content-Type"), a.body)
	for _, f := range d.Findings {
		s.find(finding(f, url))
	}
	if a.status == http.StatusForbidden && !s.delivery.Message.Forged {
		s.warn(url, "If that is the webhook's check of the signature: it was made over this URL, with the given token.")
	}
	if d.Failure == nil {
		return d, nil
	}
	if len(a.header["Set-Cookie"]) > 0 {
		s.warn(url, "Whether Twilio keeps the cookies of an answer that it cannot use is not confirmed. Here they are kept.")
	}
	broken := finding(*d.Failure, url)
	return d, &broken
}

// request makes the request of an errand, signed. A GET carries the parameters in the URL, and so signs them there.
func (s *sending) request(e errand) *request {
	r := &request{reason: e.reason, method: e.method, to: e.to, form: e.form, token: newToken()}
	if e.method == http.MethodGet && len(e.form) > 0 {
		r.to, r.form = e.to.withQuery(e.form), nil
	}
	token := s.phone.options.AuthToken
	if s.delivery.Message.Forged {
		token = "not " + token
	}
	r.signature = sign(token, r.to.url, r.form)
	return r
}

// sign returns the signature over a URL and a form that was escaped here.
func sign(token, url string, form []byte) string {
	parameters, _ := twilio.ParseForm(form) // its only error is a broken escape
	return twilio.Sign(token, url, parameters)
}

// try makes a request, once more with the URL's user and password if the server asks for them, and again after the
// failures that the connection overrides name. Every try of a request carries the same idempotency token.
func (s *sending) try(r *request, end time.Time) (answer, *failure) {
	for tries := 0; ; {
		a, failed := s.exchange(r, end)
		if s.authorize(r, a) {
			continue
		}
		why := retried(a, failed) & r.to.overrides.policy
		if why == 0 || tries == r.to.overrides.retries || s.ctx.Err() != nil || !time.Now().Before(end) {
			return a, failed
		}
		if why != retryConnect {
			s.warn(r.to.url, "Whether a retry has the same I-Twilio-Idempotency-Token is not confirmed. Here it has.")
		}
		tries++
		r.reason = Retry
	}
}

// retried returns the retry policy that would try a request again.
func retried(a answer, failed *failure) policy {
	switch {
	case failed != nil:
		return failed.class
	case a.status >= 400 && a.status <= 499:
		return retry4xx
	case a.status >= 500 && a.status <= 599:
		return retry5xx
	}
	return 0
}

// authorize prepares a request for its second try after a 401: Twilio sends user and password only when asked to.
//
// See https://www.twilio.com/docs/usage/security#http-authentication.
func (s *sending) authorize(r *request, a answer) bool {
	if a.status != http.StatusUnauthorized || r.to.login == "" || r.authorization != "" {
		return false
	}
	challenges := strings.ToLower(strings.Join(a.header["Www-Authenticate"], ","))
	if !strings.Contains(challenges, "basic") {
		if strings.Contains(challenges, "digest") {
			s.warn(r.to.url, "Twilio would answer the Digest challenge. Only Basic is answered here.")
		}
		return false
	}
	r.authorization = "Basic " + base64.StdEncoding.EncodeToString([]byte(r.to.login))
	r.reason = Authorized
	return true
}
