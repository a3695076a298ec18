package server_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"smsession/internal/webhooktest"
)

// sender is the usual sender.
var sender = &webhooktest.Sender{From: "+12025550143", To: webhooktest.To, AccountSID: accountSID}

// request is a request as Twilio makes it. A test can change each part of it.
type request struct {
	method      string
	target      string // path and query
	contentType string
	header      http.Header
	host        string
	cookie      string // the token

	form url.Values
	body string // "" for that of the form

	token     string // the signature is made with this auth token
	url       string // the signature is made for this URL; "" for the public URL and the target
	signature string // "" for the right one
}

const noSignature = "none"

// message returns the request for a new message of the usual sender.
func message(body string) *request {
	return &request{
		method:      "POST",
		target:      "/sms",
		contentType: "application/x-www-form-urlencoded",
		header:      http.Header{"User-Agent": {"TwilioProxy/1.1"}, "Accept": {"*/*"}},
		host:        "sms.example.com",
		token:       token,
		form:        sender.Form(webhooktest.NewSID(), body),
	}
}

// with sets a parameter, or removes it if there are no values.
func (r *request) with(name string, values ...string) *request {
	if r.form[name] = values; len(values) == 0 {
		delete(r.form, name)
	}
	return r
}

// padded adds parameters until there are n.
func (r *request) padded(n int) *request {
	for i := range n - len(r.form) {
		r.with("Padding"+string(rune('A'+i/26))+string(rune('A'+i%26)), "x")
	}
	return r
}

func (r *request) to(target string) *request         { r.target = target; return r }
func (r *request) as(method string) *request         { r.method = method; return r }
func (r *request) typed(contentType string) *request { r.contentType = contentType; return r }
func (r *request) carrying(cookie string) *request   { r.cookie = cookie; return r }
func (r *request) signed(signature string) *request  { r.signature = signature; return r }
func (r *request) forURL(url string) *request        { r.url = url; return r }
func (r *request) under(token string) *request       { r.token = token; return r }

// written replaces a text in the body, which the form encodes.
func (r *request) written(old, new string) *request {
	r.body = strings.ReplaceAll(r.form.Encode(), old, new)
	return r
}

// again returns the request for another delivery of the same message.
func (r *request) again() *request {
	other := *r
	other.header = r.header.Clone()
	return &other
}

func (r *request) sign() string {
	u := r.url
	if u == "" {
		u = publicURL + r.target
	}
	return webhooktest.Sign(r.token, u, r.form)
}

// build returns the request for a handler.
func (r *request) build() *http.Request {
	body := r.body
	if body == "" {
		body = r.form.Encode()
	}
	req := httptest.NewRequest(r.method, r.target, strings.NewReader(body))
	req.Host = r.host
	req.Header = r.header.Clone()
	if r.contentType != "" {
		req.Header.Set("Content-Type", r.contentType)
	}
	if r.cookie != "" {
		req.Header.Set("Cookie", "smsession="+r.cookie)
	}
	switch r.signature {
	case "":
		req.Header.Set("X-Twilio-Signature", r.sign())
	case noSignature:
	default:
		req.Header.Set("X-Twilio-Signature", r.signature)
	}
	return req
}

// text returns the request as it is sent over a connection.
func (r *request) text() string {
	var b bytes.Buffer
	_ = r.build().Write(&b)
	return b.String()
}

func (r *request) send(h http.Handler) reply { return serve(h, r.build()) }

// reply is the answer to a request.
type reply struct{ webhooktest.Reply }

func serve(h http.Handler, r *http.Request) reply { return reply{webhooktest.Serve(h, r)} }

func get(h http.Handler, target string) reply {
	return serve(h, httptest.NewRequest("GET", target, nil))
}

// says fails the test unless the reply is TwiML with exactly these messages. It returns the session's token.
func (r reply) says(t *testing.T, want ...string) (cookie string) {
	t.Helper()
	texts, err := r.Texts()
	if err != nil || !slices.Equal(texts, want) {
		t.Fatalf("the reply is %q, %v, want %q", texts, err, want)
	}
	if got := r.Header.Get("Content-Type"); got != "text/xml; charset=utf-8" {
		t.Errorf("Content-Type = %q, want text/xml; charset=utf-8", got)
	}
	return r.Cookie
}

// counts fails the test unless the reply is the one to the nth message of a conversation. It returns the session's
// token.
func (r reply) counts(t *testing.T, n int) (cookie string) {
	t.Helper()
	return r.says(t, webhooktest.Greeting(n))
}

// saysNothing fails the test unless the reply is TwiML without a message.
func (r reply) saysNothing(t *testing.T) {
	t.Helper()
	r.says(t)
	if !strings.HasSuffix(r.Body, "<Response/>") {
		t.Errorf("the reply is %q, want <Response/>", r.Body)
	}
}

// setsNoCookie fails the test if the reply sets a cookie.
func (r reply) setsNoCookie(t *testing.T) {
	t.Helper()
	if len(r.Cookies) > 0 {
		t.Errorf("the reply sets %v", r.Cookies)
	}
}

// refused fails the test unless the reply is a refusal: the status, one plain sentence and no cookie.
func (r reply) refused(t *testing.T, status int) {
	t.Helper()
	if r.Status != status {
		t.Errorf("the reply is %d %q, want %d", r.Status, r.Body, status)
	}
	if got := r.Header.Get("Content-Type"); !strings.HasPrefix(got, "text/plain") {
		t.Errorf("Content-Type = %q, want text/plain", got)
	}
	sentence, rest, _ := strings.Cut(r.Body, "\n")
	if rest != "" || !strings.HasSuffix(sentence, ".") || strings.Count(sentence, ". ") > 0 {
		t.Errorf("the body is %q, want one sentence", r.Body)
	}
	if retry := r.Header.Get("Retry-After") != ""; retry != (status == http.StatusServiceUnavailable) {
		t.Errorf("the reply to a %d has a Retry-After: %v", status, retry)
	}
	r.setsNoCookie(t)
}
