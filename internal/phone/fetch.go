package phone

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"smsession/internal/twiml"
)

// maxRedirects is how many redirects in a row the phone follows. Twilio has a limit (11215), but does not document it.
const maxRedirects = 10

// request is a request for one document. Each redirect is a new request. All tries of a request have the same
// idempotency token.
type request struct {
	reason    Reason
	method    string
	to        *target
	form      []byte // escaped
	token     string
	retries   int  // the number of retries before this try
	withLogin bool // the request carries the user and the password

	isCallback bool // the request is about the status of a reply: it has no cookies, and its response is no TwiML
}

// split returns the form as the part of the query that a GET adds to its URL, or as the body of a POST.
func (r request) split() (query string, body []byte) {
	if r.method == http.MethodGet {
		return string(r.form), nil
	}
	return "", r.form
}

// signed returns the URL that Twilio signs.
func (r request) signed() string {
	query, _ := r.split()
	return withQuery(r.to.public.String(), query)
}

// fetch requests a document. It follows redirects and tries again as the connection overrides of the first URL require,
// until their total time has passed. It returns the verbs of the document and the target that returned the document.
// There are no verbs if Twilio cannot execute the document.
func (s sending) fetch(ctx context.Context, r request) (result documentResult, verbs []twiml.Verb, from *target) {
	end := time.Now().Add(r.to.overrides.total)
	r.token = newIdempotencyToken()
	for redirects := 0; ; {
		url := r.signed()
		e := s.exchange(ctx, r, end)
		result.exchanges = append(result.exchanges, e)
		again, isAgain, found := r.again(e, end)
		result = result.with(url, append(e.findings, found...))
		if isAgain && ctx.Err() == nil {
			r = again
			continue
		}
		failed := e.failed
		switch {
		case failed == nil && e.response.status/100 != 3:
			document := s.read(r, e.response)
			result = result.with(url, document.Findings)
			if result.fatal = document.Failure; result.fatal != nil {
				result.fatal.URL = url
				last := &result.exchanges[len(result.exchanges)-1]
				last.Excerpt, last.ExcerptIsCut = excerpt(e.response.body)
			}
			return result, document.Verbs, r.to
		case failed == nil:
			asked := time.Now()
			r, found, failed = s.follow(r, e.response, redirects)
			redirects++
			result = result.with(url, found)
			end = end.Add(time.Since(asked)) // Options.Follow may have asked a person
		}
		if failed != nil {
			return result.failing(failed, url), nil, r.to
		}
	}
}

// again returns the request for another try. isAgain reports whether there is one. Twilio sends the user and the
// password only after a 401, and retries as the connection overrides require. No retry begins after the time end.
//
// See https://www.twilio.com/docs/usage/security#http-authentication.
func (r request) again(e exchanged, end time.Time) (again request, isAgain bool, found twiml.Findings) {
	challenges := strings.ToLower(strings.Join(e.response.header["Www-Authenticate"], ","))
	if e.response.status == http.StatusUnauthorized && r.to.login != nil && !r.withLogin {
		switch {
		case strings.Contains(challenges, "basic"):
			r.withLogin, r.reason = true, Authorized
			return r, true, nil
		case strings.Contains(challenges, "digest"):
			found.Warn(0, "Twilio would answer the Digest challenge. This phone answers only Basic.")
		}
	}
	why := e.policy()
	if why&r.to.overrides.policy == 0 || r.retries == r.to.overrides.retries || !time.Now().Before(end) {
		return r, false, found
	}
	if why != retryConnect {
		found.Warn(0, "This phone retries with the same I-Twilio-Idempotency-Token. "+
			"It is not confirmed whether Twilio does.")
	}
	r.retries++
	r.reason = Retry
	return r, true, found
}

// policy returns the retry policy that covers the result of an exchange, or 0 if no policy does.
func (e exchanged) policy() policy {
	switch {
	case e.failed != nil:
		return e.failed.policy
	case e.response.status >= 400 && e.response.status <= 499:
		return retry4xx
	case e.response.status >= 500 && e.response.status <= 599:
		return retry5xx
	}
	return 0
}

// read reads a response as Twilio does. It adds warnings about the signature and the cookies.
func (s sending) read(r request, res response) twiml.Document {
	if r.isCallback {
		return readCallback(res)
	}
	d := twiml.ReadResponse(res.status, res.header.Get("Content-Type"), res.body)
	if res.status == http.StatusForbidden && !s.message.Forged {
		d.Findings.Warn(0, "%s", s.phone.options.explainSignature(r.signed()))
	}
	if d.Failure != nil && len(res.header["Set-Cookie"]) > 0 {
		d.Findings.Warn(0, "This phone keeps the cookies of a response that Twilio cannot use. "+
			"It is not confirmed whether Twilio keeps them.")
	}
	return d
}

// follow returns the request that follows a redirect. redirects is the number of redirects in a row before this one.
func (s sending) follow(r request, res response, redirects int) (next request, found twiml.Findings, failed *failure) {
	if redirects == maxRedirects {
		found.Warn(0, "It is not confirmed how many redirects Twilio follows.")
		return r, found, &failure{code: 11215, detail: "There were more than 10 redirects in a row."}
	}
	redirect, err := r.to.public.Follow(r.method, res.status, res.header.Get("Location"))
	if err != nil {
		return r, nil, &failure{code: 11216, detail: "The redirect cannot be followed: " + err.Error() + "."}
	}
	if redirect.KeepsForm {
		found.Warn(0, "It is not confirmed that Twilio sends the same request again after 307 "+
			"and signs the new URL.")
	} else {
		found.Warn(0, "Twilio follows %d with GET and drops the message's parameters. "+
			"It is not confirmed what Twilio signs and which cookies it sends.", res.status)
		r.form = nil
	}
	to, failed := s.phone.next(r.to, redirect.URL, 11216, "The redirect cannot be followed")
	if failed != nil {
		return r, found, failed
	}
	to.overrides = r.to.overrides
	next = request{reason: Redirected, method: redirect.Method, to: to, form: r.form, isCallback: r.isCallback}
	next.token = newIdempotencyToken()
	return next, found, nil
}

// next returns the target of a URL in a response. If the URL cannot be used, the failure has the given code, and its
// detail begins with the given problem.
//
// If Options.Follow refuses the URL's server, the delivery ends. The phone does not call the fallback URL, because it
// does not know which response Twilio would have received.
func (p *Phone) next(from *target, reference string, code int, problem string) (*target, *failure) {
	to, err := from.next(reference)
	if err != nil {
		return nil, &failure{code: code, detail: problem + ": " + err.Error() + "."}
	}
	server := to.address.Origin()
	isOwn := to.address.SameOrigin(p.webhook.address) || p.fallback != nil && to.address.SameOrigin(p.fallback.address)
	if isOwn || p.options.Follow != nil && p.options.Follow(server) {
		return to, nil
	}
	return nil, &failure{notFollowed: server, detail: fmt.Sprintf("The webhook leads to another server, %+q. "+
		"Twilio would follow and send a signature and the cookies to it. This phone did not.", server)}
}
