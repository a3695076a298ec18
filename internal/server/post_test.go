package server_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// sign is Twilio's documented algorithm, written for the suite: what is expected must not come from the code under test.
//
// See https://www.twilio.com/docs/usage/security#validating-requests.
func sign(token, url string, form url.Values) string {
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	mac := hmac.New(sha1.New, []byte(token))
	io.WriteString(mac, url)
	for _, name := range names {
		values := slices.Clone(form[name])
		slices.Sort(values)
		for _, value := range slices.Compact(values) {
			io.WriteString(mac, name+value)
		}
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// The vectors are those that Twilio's own libraries are tested with.
func TestTheSuiteSignsAsTwilioDoes(t *testing.T) {
	const u = "https://mycompany.com/myapp.php?foo=1&bar=2"
	for _, row := range []struct {
		url  string
		form url.Values
		want string
	}{
		{u, url.Values{
			"CallSid": {"CA1234567890ABCDE"}, "Caller": {"+14158675309"}, "Digits": {"1234"},
			"From": {"+14158675309"}, "To": {"+18005551212"},
		}, "RSOYDt4T1cUTdK1PDd93/VVr8B8="},
		{u, url.Values{"Sid": {"CA123"}, "SidAccount": {"AC123"}, "Digits": {"5678", "1234", "1234"}}, "IK+Dwps556ElfBT0I3Rgjkr1wJU="},
		{u, url.Values{"Digits": {""}, "CallSid": {"CA1234567890ABCDE"}, "EmptyParam": {""}}, "9HHp/OqQMEwdrVebHDdA/+tqjX8="},
	} {
		if got := sign("12345", row.url, row.form); got != row.want {
			t.Errorf("the signature of %v is %s, want %s", row.form, got, row.want)
		}
	}
}

// post is a request as Twilio makes it, and what a test makes of it.
type post struct {
	method      string
	target      string // path and query
	contentType string
	header      http.Header
	host        string
	cookie      string // the token

	form url.Values
	body string // "" for the form's

	token     string // what is signed with
	url       string // what is signed, "" for the public URL and the target
	signature string // "" for the right one
}

// message returns the request that brings a message of the usual sender, with the parameters that Twilio was seen to send.
func message(body string) *post {
	sid := newSID()
	return &post{
		method:      "POST",
		target:      "/sms",
		contentType: "application/x-www-form-urlencoded",
		header:      http.Header{"User-Agent": {"TwilioProxy/1.1"}, "Accept": {"*/*"}},
		host:        "sms.example.com",
		token:       token,
		form: url.Values{
			"ToCountry": {"US"}, "ToState": {""}, "SmsMessageSid": {sid}, "NumMedia": {"0"}, "ToCity": {""},
			"FromZip": {"20500"}, "SmsSid": {sid}, "FromState": {"DC"}, "SmsStatus": {"received"},
			"FromCity": {"WASHINGTON"}, "Body": {body}, "FromCountry": {"US"}, "To": {to}, "ToZip": {""},
			"NumSegments": {"1"}, "MessageSid": {sid}, "AccountSid": {accountSID}, "From": {from}, "ApiVersion": {"2010-04-01"},
		},
	}
}

// with sets a parameter; without values it is left out.
func (p *post) with(name string, values ...string) *post {
	if p.form[name] = values; len(values) == 0 {
		delete(p.form, name)
	}
	return p
}

func (p *post) to(target string) *post       { p.target = target; return p }
func (p *post) carrying(cookie string) *post { p.cookie = cookie; return p }

// again returns the same message once more.
func (p *post) again() *post {
	other := *p
	other.header = p.header.Clone()
	return &other
}

// request builds the request.
func (p *post) request() *http.Request {
	body := p.body
	if body == "" {
		body = p.form.Encode()
	}
	r := httptest.NewRequest(p.method, p.target, strings.NewReader(body))
	r.Host = p.host
	r.Header = p.header.Clone()
	if p.contentType != "" {
		r.Header.Set("Content-Type", p.contentType)
	}
	if p.cookie != "" {
		r.Header.Set("Cookie", "smsession="+p.cookie)
	}
	switch p.signature {
	case "":
		r.Header.Set("X-Twilio-Signature", p.sign())
	case "none":
	default:
		r.Header.Set("X-Twilio-Signature", p.signature)
	}
	return r
}

func (p *post) sign() string {
	u := p.url
	if u == "" {
		u = publicURL + p.target
	}
	return sign(p.token, u, p.form)
}

// answer is what comes back.
type answer struct {
	status  int
	header  http.Header
	body    string
	cookies []*http.Cookie
}

// send sends it to a handler.
func (p *post) send(h http.Handler) answer { return serve(h, p.request()) }

func serve(h http.Handler, r *http.Request) answer {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	res := w.Result()
	return answer{status: res.StatusCode, header: res.Header, body: w.Body.String(), cookies: res.Cookies()}
}

func get(h http.Handler, target string) answer {
	return serve(h, httptest.NewRequest("GET", target, nil))
}

// says fails the test unless the answer is TwiML with exactly these messages. It returns the session's token.
func (a answer) says(t *testing.T, texts ...string) string {
	t.Helper()
	var doc struct {
		XMLName  xml.Name `xml:"Response"`
		Messages []string `xml:"Message"`
	}
	if err := xml.Unmarshal([]byte(a.body), &doc); err != nil || a.status != http.StatusOK {
		t.Fatalf("got %d %q, want TwiML that says %q", a.status, a.body, texts)
	}
	if got := a.header.Get("Content-Type"); got != "text/xml; charset=utf-8" {
		t.Errorf("Content-Type = %q, want text/xml; charset=utf-8", got)
	}
	if !slices.Equal(doc.Messages, texts) {
		t.Fatalf("the reply is %q, want %q", doc.Messages, texts)
	}
	if c := cookieOf(a); c != nil {
		return c.Value
	}
	return ""
}

// saysNothing fails the test unless the answer is TwiML without a message.
func (a answer) saysNothing(t *testing.T) {
	t.Helper()
	if a.status != http.StatusOK || !strings.HasSuffix(a.body, "<Response/>") {
		t.Errorf("got %d %q, want <Response/>", a.status, a.body)
	}
	a.says(t)
}

// refused fails the test unless the answer is a refusal: the status, one plain sentence, no cookie.
func (a answer) refused(t *testing.T, status int) {
	t.Helper()
	if a.status != status {
		t.Errorf("got %d %q, want %d", a.status, a.body, status)
	}
	if got := a.header.Get("Content-Type"); !strings.HasPrefix(got, "text/plain") {
		t.Errorf("Content-Type = %q, want text/plain", got)
	}
	sentence, rest, _ := strings.Cut(a.body, "\n")
	if rest != "" || !strings.HasSuffix(sentence, ".") || strings.Count(sentence, ". ") > 0 {
		t.Errorf("the body is %q, want one sentence", a.body)
	}
	if len(a.cookies) > 0 {
		t.Errorf("it sets %v", a.cookies)
	}
}
