package phone_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"smsession/internal/phone"
)

// anywhere lets a phone follow to every server.
func anywhere(o *phone.Options) { o.Follow = func(string) bool { return true } }

// Twilio follows a redirect to any host. A phone has a real auth token. Without a question, somebody else's webhook
// could make it sign requests to an attacker's server and send the conversation's cookies there.
func TestNothingGoesToAnotherServer(t *testing.T) {
	redirect := func(code int) func(string) http.HandlerFunc {
		return func(url string) http.HandlerFunc { return moved(code, url) }
	}
	document := func(format string) func(string) http.HandlerFunc {
		return func(url string) http.HandlerFunc {
			return says("<Response>" + strings.ReplaceAll(format, "URL", url) + "</Response>")
		}
	}
	for name, leads := range map[string]func(url string) http.HandlerFunc{
		"a 301":             redirect(301),
		"a 302":             redirect(302),
		"a 303":             redirect(303),
		"a 307":             redirect(307),
		"a Redirect":        document("<Message>first</Message><Redirect>URL</Redirect>"),
		"a Redirect by GET": document(`<Redirect method="GET">URL</Redirect>`),
		"an action":         document(`<Message action="URL">first</Message>`),
	} {
		t.Run(name, func(t *testing.T) {
			other := newWebhook(t, says(twiml("there")))
			w := newWebhook(t, func(rw http.ResponseWriter, r *http.Request) {
				rw.Header().Set("Set-Cookie", "secret=1")
				leads(other.URL+"/next")(rw, r)
			})
			d := send(t, newPhone(t, at(w.URL), withFallback(w.URL)), "hi")
			if n := len(other.requests()); n > 0 {
				t.Fatalf("the other server got %+v", other.requests())
			}
			if d.NotFollowed != other.URL || d.OK() || len(d.Exchanges) != 1 {
				t.Errorf("not followed %q, findings %+v, exchanges %q", d.NotFollowed, d.Findings, reasons(d))
			}
			last := d.Findings[len(d.Findings)-1]
			if last.Code != 0 || last.Warning || !strings.Contains(last.Detail, other.URL) || !strings.Contains(last.Detail, "Twilio would follow") {
				t.Errorf("the finding is %+v", last)
			}
			if d = send(t, newPhone(t, at(w.URL), anywhere), "hi"); d.NotFollowed != "" || !slices.Contains(texts(d), "there") {
				t.Errorf("allowed, it is not followed: %q, %+v", texts(d), d.Findings)
			}
			if d = send(t, newPhone(t, at(w.URL), func(o *phone.Options) { o.Fallback = phone.Endpoint{URL: other.URL + "/sms"} }), "hi"); d.NotFollowed != "" {
				t.Errorf("the fallback's server is not followed to: %+v", d.Findings)
			}
		})
	}
}

// The addresses are asked about as they would be sent to.
func TestAnotherSchemeHostOrPortIsAnotherServer(t *testing.T) {
	for _, row := range []struct {
		name         string
		url, address string // of the webhook
		location     string
		asked        string // "" if nobody is asked
	}{
		{"a path", "http://SELF/sms", "", "/next", ""},
		{"the same server in capitals", "http://SELF/sms", "", "HTTP://SELF/next", ""},
		{"a user and a password at the same server", "http://SELF/sms", "", "http://u:p@SELF/next", ""},
		{"the public URL behind a tunnel", "https://sms.example.com/sms", "http://SELF/sms", "https://SMS.example.com:443/next", ""},
		{"the address behind a tunnel", "https://sms.example.com/sms", "http://SELF/sms", "http://SELF/next", ""},
		{"a path of the public URL that the tunnel does not have", "https://sms.example.com/a/sms", "http://SELF/sms", "https://sms.example.com/b", "https://sms.example.com"},
		{"another port", "http://SELF/sms", "", "http://127.0.0.1:1/next", "http://127.0.0.1:1"},
		{"another scheme", "http://SELF/sms", "", "https://SELF/next", "https://SELF"},
		{"another name of the same address", "http://SELF/sms", "", "http://localhost:PORT/next", "http://localhost:PORT"},
		{"without a scheme", "http://SELF/sms", "", "//other.example/next", "http://other.example"},
		{"this server as a user name", "http://SELF/sms", "", "http://SELF@other.example/next", "http://other.example"},
		{"this server as a user and a password", "http://SELF/sms", "", "http://127.0.0.1:80@other.example:81/", "http://other.example:81"},
		{"a name below a name", "https://sms.example.com/sms", "http://SELF/sms", "https://sms.example.com.other.example/sms", "https://sms.example.com.other.example"},
		{"a name that is long", "http://SELF/sms", "", "http://sms.example.com." + strings.Repeat("a.", 100) + "other.example/", "http://sms.example.com." + strings.Repeat("a.", 100) + "other.example"},
		{"a name in another script", "http://SELF/sms", "", "http://\u0455ms.example.com/", "http://\u0455ms.example.com"},
		{"a name that turns around", "http://SELF/sms", "", "http://a\u202eb.example/", "http://a\u202eb.example"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var location string
			w := newWebhook(t, func(rw http.ResponseWriter, r *http.Request) {
				routes(map[string]http.HandlerFunc{"/sms": moved(307, location), "/next": says(twiml("here"))})(rw, r)
			})
			host := strings.TrimPrefix(w.URL, "http://")
			self := strings.NewReplacer("SELF", host, "PORT", host[strings.LastIndexByte(host, ':')+1:])
			location = self.Replace(row.location)
			var asked []string
			p := newPhone(t, phone.Endpoint{URL: self.Replace(row.url), Address: self.Replace(row.address)}, func(o *phone.Options) {
				o.Follow = func(server string) bool { asked = append(asked, server); return false }
			})
			d := send(t, p, "hi")
			want := self.Replace(row.asked)
			if followed := slices.Equal(texts(d), []string{"here"}); followed != (want == "") || d.NotFollowed != want {
				t.Errorf("replies %q, not followed %q, findings %+v", texts(d), d.NotFollowed, d.Findings)
			}
			// The whole name is shown, and in ASCII: a cut name could hide its end, and letters of another script could
			// look like the webhook's name.
			if detail := d.Findings[len(d.Findings)-1].Detail; want != "" && !strings.Contains(detail, strings.Trim(strconv.QuoteToASCII(want), `"`)) {
				t.Errorf("the finding is %q", detail)
			}
			if want != "" && !slices.Equal(asked, []string{want}) || want == "" && asked != nil {
				t.Errorf("it is asked about %q, want %q", asked, want)
			}
		})
	}
}

// Without TLS, everybody between the two hosts can read the signature and the cookies.
func TestLeavingTLSNeedsPermission(t *testing.T) {
	plain := newWebhook(t, says(empty))
	secure := httptest.NewTLSServer(moved(307, plain.URL+"/next"))
	defer secure.Close()
	d := send(t, newPhone(t, phone.Endpoint{URL: secure.URL + "/sms"}, func(o *phone.Options) {
		o.Network.TLS = &tls.Config{RootCAs: secure.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	}), "hi")
	if d.NotFollowed != plain.URL || len(plain.requests()) > 0 {
		t.Errorf("findings %+v", d.Findings)
	}
}

// The time in which a person answers the question does not count against Twilio's 15 s (here the time-out of the
// connection override).
func TestTheTimeLimitPausesForTheQuestion(t *testing.T) {
	const limit = 2 * time.Second
	other := newWebhook(t, says(twiml("there")))
	w := newWebhook(t, moved(307, other.URL+"/next"))
	p := newPhone(t, phone.Endpoint{URL: publicURL + "#tt=2000", Address: w.URL + "/sms"}, func(o *phone.Options) {
		o.Follow = func(string) bool {
			<-time.After(limit) // a real wait, because the limit is a deadline of the network connection
			return true
		}
	})
	if d := send(t, p, "hi"); !slices.Equal(texts(d), []string{"there"}) {
		t.Errorf("replies %q, findings %+v", texts(d), d.Findings)
	}
}
