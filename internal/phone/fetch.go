package phone

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"smsession/internal/twiml"
)

// maxRedirects is how many redirects in a row are followed. Twilio has a limit (11215), but does not document it.
const maxRedirects = 10

// request is a request for one document. All tries of a request have the same idempotency token.
type request struct {
	reason    Reason
	method    string
	to        *target
	form      []byte // escaped
	token     string
	withLogin bool // the server has asked for the user and the password
}

// effective returns the request as it is sent: a GET has its form in the query.
func (r request) effective() request {
	if r.method == http.MethodGet && len(r.form) > 0 {
		to := *r.to
		to.query, r.to, r.form = string(r.form), &to, nil
	}
	return r
}

// fetch requests a document. It follows redirects and tries again as the connection overrides say. All of this together
// takes no longer than they allow. It returns the document's verbs and the URL that the document came from, or the error
// because of which Twilio cannot execute it.
func (d *dispatch) fetch(ctx context.Context, r request) ([]twiml.Verb, *target, *Finding) {
	end := time.Now().Add(r.to.overrides.total)
	for redirects := 0; ; redirects++ {
		sent := r.effective()
		url := sent.to.signed()
		res, failed := d.try(ctx, sent, end)
		if failed == nil && res.status/100 != 3 {
			verbs, fatal := d.read(res, url)
			return verbs, r.to, fatal
		}
		if failed == nil && redirects == maxRedirects {
			d.warn(url, "It is not confirmed how many redirects Twilio follows.")
			failed = &failure{code: 11215, detail: fmt.Sprintf("There were more than %d redirects in a row.", maxRedirects)}
		}
		if failed == nil {
			asked := time.Now()
			r, failed = d.follow(r, res)
			end = end.Add(time.Since(asked)) // a person may have been asked
		}
		if failed != nil {
			return nil, nil, d.fail(failed.code, failed.detail, url)
		}
	}
}

// read reads a response as Twilio does. It returns the verbs, or the error because of which Twilio cannot execute it.
func (d *dispatch) read(res response, url string) ([]twiml.Verb, *Finding) {
	document := twiml.ReadResponse(res.status, res.header.Get("Content-Type"), res.body)
	for _, f := range document.Findings {
		d.add(newFinding(f, url))
	}
	if res.status == http.StatusForbidden && !d.delivery.Message.Forged {
		d.warn(url, "If the webhook refuses the signature: it was made over this URL with the given token.")
	}
	if document.Failure == nil {
		return document.Verbs, nil
	}
	if len(res.header["Set-Cookie"]) > 0 {
		d.warn(url, "The cookies of a response that Twilio cannot use are kept here. It is not confirmed whether Twilio keeps them.")
	}
	fatal := newFinding(*document.Failure, url)
	return nil, &fatal
}

// follow returns the request that follows a redirect.
func (d *dispatch) follow(r request, res response) (request, *failure) {
	redirect, err := r.to.public.Follow(r.method, res.status, res.header.Get("Location"))
	if err != nil {
		return r, &failure{code: 11216, detail: "The redirect cannot be followed: " + err.Error() + "."}
	}
	if redirect.KeepsForm {
		d.warn(r.to.signed(), "It is not confirmed that Twilio sends the same request again after 307, signed over the new URL.")
	} else {
		d.warn(r.to.signed(), fmt.Sprintf("Twilio follows %d with GET and drops the message's parameters. "+
			"It is not confirmed what it signs then and which cookies it sends.", res.status))
		r.form = nil
	}
	next, err := r.to.next(redirect.URL)
	if err != nil {
		return r, &failure{code: 11216, detail: "The redirect cannot be followed: " + err.Error() + "."}
	}
	if refused := d.checkServer(next); refused != nil {
		return r, refused
	}
	next.overrides = r.to.overrides
	return request{reason: Redirected, method: redirect.Method, to: next, form: r.form}, nil
}

// checkServer asks whether a request may be sent to a server that is not in the options. If not, the delivery ends.
// Nothing is sent to the fallback URL either, because it is not known what Twilio would have received.
func (d *dispatch) checkServer(to *target) *failure {
	p := d.phone
	if to.address.SameOrigin(p.webhook.address) || p.fallback != nil && to.address.SameOrigin(p.fallback.address) {
		return nil
	}
	server := to.address.Origin()
	if p.options.Follow != nil && p.options.Follow(server) {
		return nil
	}
	d.delivery.NotFollowed = server
	return &failure{detail: fmt.Sprintf("The webhook leads to another server, %+q. Twilio would follow and send a signature and the cookies. This phone did not.", server)}
}

// try sends a request. It sends it again with the user and the password if the server asks for them, and after the
// failures that the connection overrides name.
func (d *dispatch) try(ctx context.Context, r request, end time.Time) (response, *failure) {
	r.token = newIdempotencyToken()
	for tries := 0; ; {
		res, failed := d.exchange(ctx, r, end)
		if d.authorize(&r, res) {
			continue
		}
		o := r.to.overrides
		why := retryPolicy(res, failed) & o.policy
		if why == 0 || tries == o.retries || ctx.Err() != nil || !time.Now().Before(end) {
			return res, failed
		}
		if why != retryConnect {
			d.warn(r.to.signed(), "A retry has the same I-Twilio-Idempotency-Token here. It is not confirmed whether Twilio's has.")
		}
		tries++
		r.reason = Retry
	}
}

// retryPolicy returns the retry policy that would try a request again.
func retryPolicy(res response, failed *failure) policy {
	switch {
	case failed != nil:
		return failed.policy
	case res.status >= 400 && res.status <= 499:
		return retry4xx
	case res.status >= 500 && res.status <= 599:
		return retry5xx
	}
	return 0
}

// authorize prepares a request for its second try after a 401: Twilio sends the user and the password only if the server
// asks for them.
//
// See https://www.twilio.com/docs/usage/security#http-authentication.
func (d *dispatch) authorize(r *request, res response) bool {
	if res.status != http.StatusUnauthorized || r.to.login == nil || r.withLogin {
		return false
	}
	challenges := strings.ToLower(strings.Join(res.header["Www-Authenticate"], ","))
	r.withLogin = strings.Contains(challenges, "basic")
	if r.withLogin {
		r.reason = Authorized
	} else if strings.Contains(challenges, "digest") {
		d.warn(r.to.signed(), "Twilio would answer the Digest challenge. Only Basic is answered here.")
	}
	return r.withLogin
}
