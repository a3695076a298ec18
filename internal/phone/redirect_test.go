package phone_test

import (
	"crypto/tls"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"smsession/internal/phone"
)

func TestRedirects(t *testing.T) {
	for _, row := range []struct {
		name    string
		code    int
		method  string
		warning string
	}{
		{"a 301 is followed with GET", 301, "GET", "drops the message's parameters"},
		{"a 302 is followed with GET", 302, "GET", "drops the message's parameters"},
		{"a 303 is followed with GET", 303, "GET", "drops the message's parameters"},
		{"a 307 is followed with POST", 307, "POST", "sends the same request again after 307"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWebhook(t, routes(map[string]http.HandlerFunc{"/sms": redirects(row.code, "/next?a=b"),
				"/next": responds(twiml("here"))}))
			d := send(t, newPhone(t, at(w.URL)), "hi")
			if got := texts(d); !d.OK() || !slices.Equal(got, []string{"here"}) || !isWarned(d, row.warning) {
				t.Fatalf("the replies are %q, the findings %+v", got, d.Findings)
			}
			if got := reasons(d); !slices.Equal(got, []phone.Reason{phone.Primary, phone.Redirected}) {
				t.Errorf("the exchanges are %q", got)
			}
			first, second := w.requests()[0], w.requests()[1]
			want := ""
			if row.method == "POST" {
				want = first.body
			}
			if second.method != row.method || second.target != "/next?a=b" || second.body != want {
				t.Errorf("the second request is %s %s with the body %q", second.method, second.target, second.body)
			}
			if !second.isSigned("https://sms.example.com/next?a=b") {
				t.Error("the signature is not over the new URL")
			}
		})
	}
}

func TestInvalidRedirects(t *testing.T) {
	for _, row := range []struct {
		name     string
		code     int
		location string
	}{
		{"a 300 is not followed", 300, "/next"},
		{"a 304 is not followed", 304, "/next"},
		{"a 305 is not followed", 305, "/next"},
		{"a 306 is not followed", 306, "/next"},
		{"a 308 is not followed", 308, "/next"},
		{"a 308 without a Location is not followed", 308, ""},
		{"a 301 without a Location is not followed", 301, ""},
		{"a 307 without a Location is not followed", 307, ""},
		{"a redirect to only a fragment is not followed", 302, "#top"},
		{"a redirect to another scheme is not followed", 302, "ftp://a.example/"},
		{"a redirect to a malformed URL is not followed", 302, "http://a.example:port/"},
		{"a redirect to a URL with a space is not followed", 302, "/a b"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWebhook(t, routes(map[string]http.HandlerFunc{"/sms": redirects(row.code, row.location),
				"/next": responds(twiml("here"))}))
			d := send(t, newPhone(t, at(w.URL)), "hi")
			if got := errorsOf(d); !slices.Equal(got, []int{11216}) || len(d.Exchanges) != 1 {
				t.Errorf("the errors are %v, the exchanges %q", got, reasons(d))
			}
		})
	}
}

func TestRedirectLoop(t *testing.T) {
	w := newWebhook(t, redirects(302, "/sms"))
	d := send(t, newPhone(t, at(w.URL)), "hi")
	if got := errorsOf(d); !slices.Equal(got, []int{11215}) || !isWarned(d, "how many redirects") {
		t.Errorf("the findings are %+v", d.Findings)
	}
	if n := len(d.Exchanges); n != 11 {
		t.Errorf("there are %d exchanges, want the first one and ten redirects", n)
	}
}

// After a redirect, the connection overrides of the first URL count. The overrides in the Location are ignored.
func TestRedirectKeepsOverrides(t *testing.T) {
	w := newWebhook(t, routes(map[string]http.HandlerFunc{"/sms": redirects(307, "/next#rc=5"), "/next": status(503)}))
	d := send(t, newPhone(t, withOverrides(w.URL, "#rc=2&rp=5xx")), "hi")
	if got := len(d.Exchanges); got != 4 {
		t.Errorf("there are %d exchanges, want the redirect and three tries", got)
	}
}

func TestRedirectSetsCookies(t *testing.T) {
	w := newWebhook(t, routes(map[string]http.HandlerFunc{"/sms": sets("a=1", redirects(302, "/next")),
		"/next": responds(empty)}))
	send(t, newPhone(t, at(w.URL)), "hi")
	if got := w.last().header.Get("Cookie"); got != "a=1" {
		t.Errorf("the cookies of the second request are %q", got)
	}
}

// The tunnel removes "/twilio" from the path. The server behind it may redirect to its public URL, to its own URL, or
// to a path.
func TestRedirectBehindTunnel(t *testing.T) {
	var w *webhook
	w = newWebhook(t, func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/next" {
			responds(twiml("here"))(rw, r)
			return
		}
		redirects(307, strings.ReplaceAll(r.Form.Get("Body"), "SELF", w.URL))(rw, r)
	})
	p := newPhone(t, phone.Endpoint{URL: "https://sms.example.com/twilio/sms", Address: w.URL + "/sms"})
	for name, location := range map[string]string{
		"the public URL is requested behind the tunnel":               "https://sms.example.com/twilio/next",
		"the server's own URL is requested behind the tunnel":         "SELF/next",
		"a relative path is requested behind the tunnel":              "next",
		"a path from the root is requested behind the tunnel":         "/twilio/next",
		"the public URL with its port is requested behind the tunnel": "https://sms.example.com:443/twilio/next",
		"the public URL in capitals is requested behind the tunnel":   "HTTPS://SMS.example.com/twilio/next",
	} {
		t.Run(name, func(t *testing.T) {
			d := send(t, p, location)
			if got := texts(d); !slices.Equal(got, []string{"here"}) {
				t.Fatalf("the replies are %q, the findings %+v", got, d.Findings)
			}
			last := d.Exchanges[len(d.Exchanges)-1]
			if !strings.EqualFold(strings.Replace(last.URL, ":443", "", 1), "https://sms.example.com/twilio/next") ||
				last.Address != w.URL+"/next" {
				t.Errorf("the phone signs %s and requests %s", last.URL, last.Address)
			}
		})
	}
	t.Run("a redirect back from another server is requested behind the tunnel", func(t *testing.T) {
		other := newWebhook(t, redirects(307, "https://sms.example.com/next"))
		w := newWebhook(t, routes(map[string]http.HandlerFunc{"/sms": redirects(307, other.URL+"/elsewhere"),
			"/next": responds(twiml("back"))}))
		d := send(t, newPhone(t, at(w.URL), followAll), "hi")
		if got := texts(d); !slices.Equal(got, []string{"back"}) {
			t.Errorf("the replies are %q, the findings %+v", got, d.Findings)
		}
	})
}

func TestLoginStaysOnItsServer(t *testing.T) {
	challenge := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", "Basic")
		w.WriteHeader(http.StatusUnauthorized)
	}
	other := newWebhook(t, challenge)
	w := newWebhook(t, routes(map[string]http.HandlerFunc{
		"/sms":   redirects(307, other.URL+"/sms"),
		"/local": redirects(307, "/guarded"),
		"/guarded": func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "" {
				challenge(w, r)
				return
			}
			responds(empty)(w, r)
		},
	}))
	send(t, newPhone(t, phone.Endpoint{URL: "https://user:pass@sms.example.com/sms", Address: w.URL + "/sms"},
		followAll), "hi")
	if n := len(other.requests()); n != 1 {
		t.Errorf("another server got %d requests, the last one with the password", n)
	}
	if d := send(t, newPhone(t, phone.Endpoint{URL: "https://user:pass@sms.example.com/local",
		Address: w.URL + "/local"}), "hi"); !d.OK() {
		t.Errorf("the same server did not get the password: %+v", d.Findings)
	}
}

// Twilio follows a redirect to any host. A phone may have a real auth token. If the phone followed without asking, a
// webhook could make it send signed requests and the conversation's cookies to an attacker's server.
func TestOtherServer(t *testing.T) {
	redirect := func(code int) func(string) http.HandlerFunc {
		return func(url string) http.HandlerFunc { return redirects(code, url) }
	}
	document := func(format string) func(string) http.HandlerFunc {
		return func(url string) http.HandlerFunc { return verbs(strings.ReplaceAll(format, "URL", url)) }
	}
	for name, leads := range map[string]func(url string) http.HandlerFunc{
		"a 301 needs permission":             redirect(301),
		"a 302 needs permission":             redirect(302),
		"a 303 needs permission":             redirect(303),
		"a 307 needs permission":             redirect(307),
		"a Redirect needs permission":        document("<Message>first</Message><Redirect>URL</Redirect>"),
		"a Redirect by GET needs permission": document(`<Redirect method="GET">URL</Redirect>`),
		"an action needs permission":         document(`<Message action="URL">first</Message>`),
	} {
		t.Run(name, func(t *testing.T) {
			other := newWebhook(t, responds(twiml("there")))
			w := newWebhook(t, sets("secret=1", leads(other.URL+"/next")))
			d := send(t, newPhone(t, at(w.URL), withFallback(w.URL)), "hi")
			if n := len(other.requests()); n > 0 {
				t.Fatalf("the other server got %+v", other.requests())
			}
			if d.NotFollowed != other.URL || d.OK() || len(d.Exchanges) != 1 {
				t.Errorf("not followed is %q, the findings are %+v, the exchanges %q", d.NotFollowed, d.Findings,
					reasons(d))
			}
			last := d.Findings[len(d.Findings)-1]
			if last.Code != 0 || last.Warning || !strings.Contains(last.Detail, other.URL) ||
				!strings.Contains(last.Detail, "Twilio would follow") {
				t.Errorf("the finding is %+v", last)
			}
			if d = send(t, newPhone(t, at(w.URL), followAll), "hi"); d.NotFollowed != "" ||
				!slices.Contains(texts(d), "there") {
				t.Errorf("with permission, the replies are %q, the findings %+v", texts(d), d.Findings)
			}
			if d = send(t, newPhone(t, at(w.URL),
				func(o *phone.Options) {
					o.Fallback = phone.Endpoint{URL: other.URL +
						"/sms"}
				}), "hi"); d.NotFollowed != "" {
				t.Errorf("the fallback's server needs permission: %+v", d.Findings)
			}
		})
	}
}

// SELF is the host and the port of the test's server. PORT is its port.
func TestFollowOtherServer(t *testing.T) {
	const public, local = "https://sms.example.com/sms", "http://SELF/sms"
	long := "http://sms.example.com." + strings.Repeat("a.", 100) + "other.example"
	for _, row := range []struct {
		name         string
		url, address string // of the webhook
		location     string
		asked        string // "" if it is the same server
	}{
		{"another path is the same server", local, "", "/next", ""},
		{"capitals are the same server", local, "", "HTTP://SELF/next", ""},
		{"a user and a password do not change the server", local, "", "http://u:p@SELF/next", ""},
		{"the public URL is the server behind the tunnel", public, local, "https://SMS.example.com:443/next", ""},
		{"the address is the server behind the tunnel", public, local, "http://SELF/next", ""},
		{"a public path that the tunnel does not have is another server", "https://sms.example.com/a/sms", local, "https://sms.example.com/b", "https://sms.example.com"},
		{"another port is another server", local, "", "http://127.0.0.1:1/next", "http://127.0.0.1:1"},
		{"another scheme is another server", local, "", "https://SELF/next", "https://SELF"},
		{"another name of the same address is another server", local, "", "http://localhost:PORT/next", "http://localhost:PORT"},
		{"a URL without a scheme is another server", local, "", "//other.example/next", "http://other.example"},
		{"the server's name as a user is another server", local, "", "http://SELF@other.example/next", "http://other.example"},
		{"the server's name as a user and a password is another server", local, "", "http://127.0.0.1:80@other.example:81/", "http://other.example:81"},
		{"a name that begins with the server's is another server", public, local, "https://sms.example.com.other.example/sms", "https://sms.example.com.other.example"},
		{"a long name is another server", local, "", long + "/", long},
		{"a name with a letter of another script is another server", local, "", "http://\u0455ms.example.com/", "http://\u0455ms.example.com"},
		{"a name with a control character for the text direction is another server", local, "", "http://a\u202eb.example/", "http://a\u202eb.example"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var location string
			w := newWebhook(t, func(rw http.ResponseWriter, r *http.Request) {
				routes(map[string]http.HandlerFunc{"/sms": redirects(307, location), "/next": responds(twiml("here"))})(
					rw, r)
			})
			host := strings.TrimPrefix(w.URL, "http://")
			self := strings.NewReplacer("SELF", host, "PORT", host[strings.LastIndexByte(host, ':')+1:])
			location = self.Replace(row.location)
			var asked []string
			p := newPhone(t, phone.Endpoint{URL: self.Replace(row.url), Address: self.Replace(row.address)},
				func(o *phone.Options) {
					o.Follow = func(server string) bool { asked = append(asked, server); return false }
				})
			d := send(t, p, "hi")
			want := self.Replace(row.asked)
			if followed := slices.Equal(texts(d), []string{"here"}); followed != (want == "") || d.NotFollowed != want {
				t.Errorf("the replies are %q, not followed is %q, the findings are %+v", texts(d), d.NotFollowed,
					d.Findings)
			}
			if want == "" {
				if asked != nil {
					t.Errorf("Follow is called with %q", asked)
				}
				return
			}
			// The whole name is shown in ASCII. A cut name could hide its end, and letters of another script could look
			// like the webhook's name.
			if detail := d.Findings[len(d.Findings)-1].Detail; !slices.Equal(asked, []string{want}) ||
				!strings.Contains(detail, strings.Trim(strconv.QuoteToASCII(want), `"`)) {
				t.Errorf("Follow is called with %q, the finding is %q", asked, detail)
			}
		})
	}
}

// Without TLS, everybody on the network path can read the signature and the cookies.
func TestLeavingTLS(t *testing.T) {
	plain := newWebhook(t, responds(empty))
	secure, roots := newTLS(t, nil, redirects(307, plain.URL+"/next"))
	d := send(t, newPhone(t, phone.Endpoint{URL: secure.URL + "/sms"}, func(o *phone.Options) {
		o.Network.TLS = &tls.Config{RootCAs: roots}
	}), "hi")
	if d.NotFollowed != plain.URL || len(plain.requests()) > 0 {
		t.Errorf("the findings are %+v", d.Findings)
	}
}
