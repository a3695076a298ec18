package app_test

import (
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"smsession/internal/app"
	"smsession/internal/conversation"
	"smsession/internal/webhooktest"
	"smsession/internal/weburl"
)

// one sends a message to an app at /sms and returns the request that the app received.
func one(t *testing.T, m conversation.Message, change func(*app.Options)) request {
	t.Helper()
	s := newServer(t, answers(204, "", ""))
	newKit(t, s.URL+"/sms", change).respond(t, conversation.State{}, m)
	return s.received()[0]
}

// checkSignature checks the signature of a request over a URL.
func checkSignature(t *testing.T, r request, signed string) {
	t.Helper()
	form := url.Values{}
	if r.method == http.MethodPost {
		form = r.form(t)
	}
	if got, want := r.header.Get("X-Twilio-Signature"), webhooktest.Sign(token, signed, form); got != want {
		t.Errorf("the signature is not over %s and the parameters of the %s", signed, r.method)
	}
}

func TestParameters(t *testing.T) {
	t.Run("the parameters are Twilio's, byte for byte", func(t *testing.T) {
		m := newMessage("")
		m.Webhook.Form = parsed("Body=a%20b%2B+c&&MediaUrl0=&b=2&b=1&MessageSid=" + sid)
		if r := one(t, m, nil); r.body != m.Webhook.Form.Encoded() || r.method != http.MethodPost || r.uri != "/sms" {
			t.Errorf("the request is %+v", r)
		}
	})
	for _, name := range []string{"ErrorCode", "ErrorUrl", "Error%43ode"} {
		t.Run("the parameter "+name+" of the fallback is left out", func(t *testing.T) {
			m := newMessage("hello")
			plain := m.Webhook.Form.Encoded()
			m.Webhook.Form = parsed(name + "=11200&" + plain)
			s := newServer(t, answers(204, "", ""))
			newKit(t, s.URL+"/sms", nil).respond(t, conversation.State{}, m)
			r := s.received()[0]
			if r.body != plain {
				t.Errorf("the parameters are %s", r.body)
			}
			checkSignature(t, r, s.URL+"/sms")
		})
	}
}

func TestQuery(t *testing.T) {
	for _, row := range []struct{ name, address, public, query, uri, signed string }{
		{"the query of APP_URL is sent and signed", "/sms?a=1", "", "", "/sms?a=1", "/sms?a=1"},
		{"the incoming query is appended", "/sms?a=1", "", "?b=%20+&a", "/sms?a=1&b=%20+&a", "/sms?a=1&b=%20+&a"},
		{"the incoming query may be the only one", "/sms", "", "?b=2", "/sms?b=2", "/sms?b=2"},
		{"the query of APP_URL is signed at APP_PUBLIC_URL", "/hook?a=1", "https://sms.example.com/sms", "?b=2", "/hook?a=1&b=2", "https://sms.example.com/sms?a=1&b=2"},
		{"the query of APP_PUBLIC_URL is sent", "/hook", "https://sms.example.com/sms?a=1", "?b=2", "/hook?a=1&b=2", "https://sms.example.com/sms?a=1&b=2"},
		{"the port of APP_PUBLIC_URL is signed", "/hook", "HTTPS://Sms.example.com:443/sms", "", "/hook", "https://Sms.example.com:443/sms"},
		{"bytes of the path are kept", "/a/%7e/b", "", "", "/a/%7e/b", "/a/%7e/b"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newServer(t, answers(204, "", ""))
			k := newKit(t, s.URL+row.address, func(o *app.Options) {
				if row.public != "" {
					o.PublicURL = weburl.Split(row.public)
				}
			})
			m := newMessage("hello")
			m.Webhook.Query = row.query
			k.respond(t, conversation.State{}, m)
			r := s.received()[0]
			if r.uri != row.uri {
				t.Errorf("the app is called at %s, want %s", r.uri, row.uri)
			}
			signed := row.signed
			if strings.HasPrefix(signed, "/") {
				signed = s.URL + signed
			}
			checkSignature(t, r, signed)
		})
	}
}

// The names of all headers that an app may get.
func TestHeader(t *testing.T) {
	m := newMessage("hello")
	m.Attempt = 3
	m.Webhook.Header = http.Header{
		"Accept": {"*/*"}, "User-Agent": {"TwilioProxy/1.1"}, "X-Home-Region": {"us1"},
		"I-Twilio-Idempotency-Token": {"token"}, "X-Twilio-Request-Id": {"a", "b"},
		"X-Twilio-Signature": {"of the public request"},
		// These must not reach the app.
		"Accept-Encoding": {"br"}, "Cookie": {"smsession=x; a=b"}, "X-Forwarded-For": {"1.2.3.4"},
		"X-Forwarded-Host": {"evil.example"}, "Forwarded": {"for=1.2.3.4"}, "Content-Type": {"text/plain"},
		"Idempotency-Key": {"x"}, "X-Idempotency-Key": {"x"}, "Authorization": {"Basic eA=="}, "Connection": {"close"},
		"Smsession-Attempt": {"9"}, "X-Request-Id": {"x"}, "Traceparent": {"x"}, "Content-Encoding": {"br"},
	}
	r := one(t, m, publicURL("https://bot.example.com:8443/sms"))
	want := http.Header{
		"Accept": {"*/*"}, "User-Agent": {"TwilioProxy/1.1"}, "X-Home-Region": {"us1"},
		"I-Twilio-Idempotency-Token": {"token"}, "X-Twilio-Request-Id": {"a", "b"},
		"X-Twilio-Signature": {webhooktest.Sign(token, "https://bot.example.com:8443/sms", r.form(t))},
		"X-Forwarded-Host":   {"bot.example.com:8443"}, "X-Forwarded-Proto": {"https"},
		"Content-Type": {"application/x-www-form-urlencoded"}, "Smsession-Attempt": {"3"},
		"Accept-Encoding": {"gzip"}, "Content-Length": r.header["Content-Length"], // of net/http
	}
	if !maps.EqualFunc(r.header, want, slices.Equal) || r.host != "bot.example.com:8443" {
		t.Errorf("the host is %s, the header is %v, want %v", r.host, r.header, want)
	}
}

func TestHeaderOfOtherRequests(t *testing.T) {
	t.Run("http is forwarded as http", func(t *testing.T) {
		r := one(t, newMessage("hello"), publicURL("HTTP://bot.example.com/sms"))
		if r.header.Get("X-Forwarded-Proto") != "http" {
			t.Errorf("the header is %v", r.header)
		}
	})
	t.Run("no User-Agent is invented", func(t *testing.T) {
		m := newMessage("hello")
		delete(m.Webhook.Header, "User-Agent")
		if _, has := one(t, m, nil).header["User-Agent"]; has {
			t.Error("there is a User-Agent")
		}
	})
	t.Run("user and password of APP_URL are sent, but not signed or observed", func(t *testing.T) {
		s := newServer(t, answers(204, "", ""))
		k := newKit(t, strings.Replace(s.URL, "://", "://user:p%40ss@", 1)+"/sms", nil)
		k.respond(t, conversation.State{}, newMessage("hello"))
		r := s.received()[0]
		want := "Basic " + base64.StdEncoding.EncodeToString([]byte("user:p@ss"))
		if r.header.Get("Authorization") != want {
			t.Errorf("the header is %v", r.header)
		}
		checkSignature(t, r, s.URL+"/sms")
		if e := k.last().Exchanges[0]; e.URL != s.URL+"/sms" || e.Header.Get("Authorization") != "Basic •••" {
			t.Errorf("the exchange is %+v", e)
		}
	})
}

func TestObserve(t *testing.T) {
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "step=2")
		answers(200, "text/plain", "Hello")(w, r)
	})
	k := newKit(t, s.URL+"/sms", nil)
	before := `{"cookies":[{"name":"step","value":"1"}]}`
	m := newMessage("hello")
	k.respond(t, conversation.State{Data: []byte(before)}, m)
	call := k.last()
	if call.SID != sid || call.From != from || call.To != webhooktest.To || call.Attempt != 1 || call.Err != nil ||
		call.Problem != "" || call.Took <= 0 || call.Reply.TwiML != response("<Message>Hello</Message>") ||
		string(call.Before) != before || string(call.After) != `{"cookies":[{"name":"step","value":"2"}]}` {
		t.Errorf("the call is %+v", call)
	}
	e := call.Exchanges[0]
	if e.Method != "POST" || e.URL != s.URL+"/sms" || e.Body != m.Webhook.Form.Encoded() || e.Tries != 1 ||
		e.Took <= 0 || e.Header.Get("Cookie") != "step=1" ||
		e.Header.Get("Host") != s.Listener.Addr().String() || e.Status != 200 ||
		e.AnswerHeader.Get("Set-Cookie") != "step=2" || e.Answer != "Hello" {
		t.Errorf("the exchange is %+v", e)
	}
}
