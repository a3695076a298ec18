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

// request is a request for one document. Each redirect is a new request. All tries of a request have the same idempotency
// token.
type request struct {
	reason    Reason
	method    string
	to        *target
	form      []byte // escaped
	token     string
	retries   int  // before this try
	withLogin bool // the server has asked for the user and the password
}

// split returns the form as the part of the query that a GET adds to its URL, or as the body of a POST.
func (r request) split() (query string, body []byte) {
	if r.method == http.MethodGet {
		return string(r.form), nil
	}
	return "", r.form
}

// signed returns the URL as Twilio knows and signs it.
func (r request) signed() string {
	query, _ := r.split()
	return withQuery(r.to.public.String(), query)
}

// fetch requests a document. It follows redirects and tries again as the connection overrides of the first URL require. It
// ends when their total time is over. It returns the document's verbs and the URL that the document came from, or the
// error that keeps Twilio from executing it.
func (d *dispatch) fetch(ctx context.Context, r request) ([]twiml.Verb, *target, *Finding) {
	end := time.Now().Add(r.to.overrides.total)
	r.token = newIdempotencyToken()
	for redirects := 0; ; {
		url := r.signed()
		res, failed := d.exchange(ctx, r, end)
		switch {
		case d.authorize(&r, res) || ctx.Err() == nil && d.retry(&r, res, failed, end):
			continue
		case failed == nil && res.status/100 != 3:
			verbs, fatal := d.read(res, url)
			return verbs, r.to, fatal
		case failed == nil && redirects == maxRedirects:
			d.warn(url, "It is not confirmed how many redirects Twilio follows.")
			failed = &failure{code: 11215, detail: fmt.Sprintf("There were more than %d redirects in a row.", maxRedirects)}
		case failed == nil:
			redirects++
			asked := time.Now()
			r, failed = d.follow(r, res)
			end = end.Add(time.Since(asked)) // a person may have been asked
		}
		if failed != nil {
			return nil, nil, d.fail(failed, url)
		}
	}
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
		d.warn(r.signed(), "Twilio would answer the Digest challenge. Only Basic is answered here.")
	}
	return r.withLogin
}

// retry prepares a request for another try if its connection overrides ask for one after this response or failure. The
// time for tries ends at end.
func (d *dispatch) retry(r *request, res response, failed *failure, end time.Time) bool {
	var why policy
	switch {
	case failed != nil:
		why = failed.policy
	case res.status >= 400 && res.status <= 499:
		why = retry4xx
	case res.status >= 500 && res.status <= 599:
		why = retry5xx
	}
	if why&r.to.overrides.policy == 0 || r.retries == r.to.overrides.retries || !time.Now().Before(end) {
		return false
	}
	if why != retryConnect {
		d.warn(r.signed(), "A retry has the same I-Twilio-Idempotency-Token here. It is not confirmed whether Twilio's has.")
	}
	r.retries++
	r.reason = Retry
	return true
}

// read reads a response as Twilio does. It returns the verbs, or the error that keeps Twilio from executing the document.
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
		d.warn(r.signed(), "It is not confirmed that Twilio sends the same request again after 307, signed over the new URL.")
	} else {
		d.warn(r.signed(), fmt.Sprintf("Twilio follows %d with GET and drops the message's parameters. "+
			"It is not confirmed what it signs then and which cookies it sends.", res.status))
		r.form = nil
	}
	next, failed := d.next(r.to, redirect.URL, 11216, "The redirect cannot be followed")
	if failed != nil {
		return r, failed
	}
	next.overrides = r.to.overrides
	return request{reason: Redirected, method: redirect.Method, to: next, form: r.form, token: newIdempotencyToken()}, nil
}

// next returns the target of a URL in a response. If the URL cannot be used, the failure has the given code, and its
// detail begins with the given problem.
//
// If Options.Follow refuses the URL's server, the delivery ends. The fallback URL is not called either, because the phone
// does not know what Twilio would have received.
func (d *dispatch) next(from *target, reference string, code int, problem string) (*target, *failure) {
	p := d.phone
	to, err := from.next(reference)
	if err != nil {
		return nil, &failure{code: code, detail: problem + ": " + err.Error() + "."}
	}
	server := to.address.Origin()
	isOwn := to.address.SameOrigin(p.webhook.address) || p.fallback != nil && to.address.SameOrigin(p.fallback.address)
	if isOwn || p.options.Follow != nil && p.options.Follow(server) {
		return to, nil
	}
	d.delivery.NotFollowed = server
	return nil, &failure{detail: fmt.Sprintf("The webhook leads to another server, %+q. Twilio would follow and send a signature and the cookies. This phone did not.", server)}
}
