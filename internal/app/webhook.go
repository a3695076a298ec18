package app

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"smsession/internal/conversation"
	"smsession/internal/twilio"
)

const (
	maxDocuments = 10 // for one message
	maxRedirects = 5  // in a row
)

// webhook is the protocol of an existing Twilio webhook.
type webhook struct {
	site           site
	importsCookies bool
	signer         twilio.Signer
}

var _ protocol = (*webhook)(nil)

func (w *webhook) respond(
	ctx context.Context, c *client, state conversation.State, m conversation.Message,
) (conversation.State, conversation.Reply, *failure) {
	v, query := w.visit(c, state, m)
	next := step{http.MethodPost, w.site.webhook(query), true}
	var pages []page
	for isMore := true; isMore; {
		if len(pages) == maxDocuments {
			return state, conversation.Reply{}, newFailure(TooManyDocuments,
				"The Redirects of the documents led to more than %d documents.", maxDocuments)
		}
		p, failed := v.fetch(ctx, next)
		if failed != nil {
			return state, conversation.Reply{}, failed
		}
		pages = append(pages, p)
		next, isMore = w.site.next(p)
	}
	reply, failed := finish(pages)
	state.Data = v.jar.data()
	return state, reply, failed
}

// step is a request for a document.
type step struct {
	method  string
	at      place // without the parameters
	hasForm bool  // the request carries the parameters of the message
}

// visit sends the requests for the documents of one message. It is not safe for concurrent use.
type visit struct {
	*webhook
	client  *client
	token   string // signs the requests
	form    conversation.Form
	copied  http.Header // of Twilio's request, of which some are copied
	attempt string
	jar     jar
}

// visit returns the visit for a message, and the query of Twilio's request.
func (w *webhook) visit(c *client, state conversation.State, m conversation.Message) (_ *visit, query string) {
	from := m.Webhook
	if from == nil {
		from = &conversation.Webhook{Form: twilio.Form{}}
	}
	v := &visit{
		webhook: w, client: c, token: from.Token, form: parameters(from.Form), copied: from.Header,
		attempt: strconv.Itoa(m.Attempt),
	}
	v.jar = openJar(state.Data, time.Now())
	if isNew := state.Began.IsZero() && state.Written.IsZero(); isNew && w.importsCookies {
		v.jar.adopt(from.Header["Cookie"])
	}
	return v, from.Query
}

// parameters returns Twilio's parameters without those that only a request to a fallback URL has.
func parameters(form conversation.Form) conversation.Form {
	isFallback := false
	for name := range form.All() {
		isFallback = isFallback || isOfFallback(name)
	}
	if !isFallback {
		return form
	}
	var kept []string
	for piece := range strings.SplitSeq(form.Encoded(), "&") {
		escaped, _, _ := strings.Cut(piece, "=")
		if name, _ := url.QueryUnescape(escaped); !isOfFallback(name) {
			kept = append(kept, piece)
		}
	}
	rest, _ := twilio.ParseForm([]byte(strings.Join(kept, "&"))) // never fails, because these are parts of a form
	return rest
}

// isOfFallback reports whether only a request to a fallback URL has the parameter.
func isOfFallback(name string) bool { return name == "ErrorCode" || name == "ErrorUrl" }

// header returns the header of a request: what is copied from Twilio's request, what the app needs to find its own URL,
// and the cookies. It has neither a signature nor a Content-Type.
func (v *visit) header() http.Header {
	h := v.site.header()
	for name, values := range v.copied {
		if isCopied(name) {
			h[name] = values
		}
	}
	h[conversation.AttemptHeader] = []string{v.attempt}
	if cookie := v.jar.list.Header(); cookie != "" {
		h["Cookie"] = []string{cookie}
	}
	return h
}

// isCopied reports whether a header of Twilio's request is sent to the app. The signature is replaced. Other headers
// are between Twilio and this service: with Accept-Encoding, for example, net/http would not decompress the answer.
func isCopied(name string) bool {
	switch name {
	case "Accept", "User-Agent", "X-Home-Region":
		return true
	}
	return strings.HasPrefix(name, "I-Twilio-") || strings.HasPrefix(name, "X-Twilio-")
}

// fetch requests a document. It follows redirects.
func (v *visit) fetch(ctx context.Context, s step) (page, *failure) {
	for redirects := 0; ; redirects++ {
		res, failed := v.send(ctx, s)
		if failed == nil && res.status/100 != 3 {
			return readPage(s.at, res)
		}
		if failed == nil {
			s, failed = v.follow(s, res, redirects)
		}
		if failed != nil {
			return page{}, failed
		}
	}
}

// send sends one request and keeps the cookies of the answer. The status of the answer is 2xx or 3xx.
func (v *visit) send(ctx context.Context, s step) (answer, *failure) {
	form := conversation.Form(twilio.Form{})
	h := v.header()
	switch {
	case s.hasForm && s.method == http.MethodGet:
		s.at = s.at.with(inQuery(v.form.Encoded()))
	case s.hasForm:
		form = v.form
		h["Content-Type"] = []string{"application/x-www-form-urlencoded"}
	}
	h["X-Twilio-Signature"] = []string{v.signer.Sign(v.token, s.at.url(), form)}
	r := &http.Request{Method: s.method, URL: s.at.request(), Host: v.site.host, Header: h}
	res, failure := v.client.send(ctx, r, form.Encoded(), maxDocument)
	switch {
	case res.status != 0 && res.status/100 != 2 && res.status/100 != 3: // even if the body is not complete
		return res, v.site.badStatus(res.status)
	case failure != nil:
		return res, failure
	}
	if err := v.jar.update(res.header["Set-Cookie"]); err != nil {
		return res, newFailure(Cookies, "The cookies of the app cannot be kept: %s.", err)
	}
	return res, nil
}

// inQuery returns an encoded form with those bytes escaped that end a URL, or that net/url refuses.
func inQuery(form string) string {
	isRefused := func(r rune) bool { return r <= ' ' || r == '#' || r == 0x7f }
	if !strings.ContainsFunc(form, isRefused) {
		return form
	}
	var b []byte
	for i := range len(form) {
		if c := form[i]; isRefused(rune(c)) {
			b = fmt.Appendf(b, "%%%02X", c)
		} else {
			b = append(b, c)
		}
	}
	return string(b)
}

// follow returns the request that follows a redirect, if the redirect leads to one of the app's own URLs.
func (v *visit) follow(s step, res answer, redirects int) (step, *failure) {
	if redirects == maxRedirects {
		return s, newFailure(Redirect, "There were more than %d redirects in a row.", maxRedirects)
	}
	if res.status == http.StatusPermanentRedirect { // which Flask sends if only a slash is missing
		return s, v.site.moved(s.at, res)
	}
	to, err := s.at.base.Follow(s.method, res.status, res.header.Get("Location"))
	if err != nil {
		return s, newFailure(Redirect, "The redirect cannot be followed: %s.", err)
	}
	at, isOwn := v.site.find(to.URL)
	if !isOwn {
		return s, newFailure(Redirect, "The app answered %d with the Location %.200q. "+
			"Only a URL with the host of APP_URL or APP_PUBLIC_URL is followed.", res.status, to.URL)
	}
	return step{to.Method, at, s.hasForm && to.KeepsForm}, nil
}

// next returns the request for the document to which the last verb of a document leads, if it is one of the app's own.
func (s site) next(p page) (_ step, isOwn bool) {
	verb, has := p.redirect()
	if !has {
		return step{}, false
	}
	at := p.at
	if reference, _, _ := strings.Cut(verb.URL, "#"); reference != "" { // otherwise, it is the same document
		absolute, err := p.at.base.Resolve(reference)
		if err != nil {
			return step{}, false
		}
		if at, isOwn = s.find(absolute); !isOwn {
			return step{}, false
		}
	}
	return step{verb.Method, at, true}, true
}
