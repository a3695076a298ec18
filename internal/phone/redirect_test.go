package phone_test

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"smsession/internal/phone"
)

// moved redirects to a place.
func moved(code int, location string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if location != "" {
			w.Header().Set("Location", location)
		}
		w.WriteHeader(code)
	}
}

func TestRedirectsAreFollowed(t *testing.T) {
	for _, row := range []struct {
		code    int
		method  string
		warning string
	}{
		{301, "GET", "drops the message's parameters"},
		{302, "GET", "drops the message's parameters"},
		{303, "GET", "drops the message's parameters"},
		{307, "POST", "sends the same request again after 307"},
	} {
		t.Run(strconv.Itoa(row.code)+" by "+row.method, func(t *testing.T) {
			w := newWebhook(t, routes(map[string]http.HandlerFunc{"/sms": moved(row.code, "/next?a=b"), "/next": says(twiml("here"))}))
			d := send(t, newPhone(t, at(w.URL)), "hi")
			if got := texts(d); !d.OK() || !slices.Equal(got, []string{"here"}) || !warned(d, row.warning) {
				t.Fatalf("replies %q, findings %+v", got, d.Findings)
			}
			if got := reasons(d); !slices.Equal(got, []phone.Reason{phone.Primary, phone.Redirected}) {
				t.Errorf("exchanges %q", got)
			}
			first, second := w.requests()[0], w.requests()[1]
			want := ""
			if row.method == "POST" {
				want = first.body
			}
			if second.method != row.method || second.target != "/next?a=b" || second.body != want {
				t.Errorf("%s %s %q", second.method, second.target, second.body)
			}
			if !verifies(t, second, "https://sms.example.com/next?a=b") {
				t.Error("the signature is not over the new URL")
			}
		})
	}
}

func TestRedirectsThatTwilioDoesNotFollow(t *testing.T) {
	for _, row := range []struct {
		name     string
		code     int
		location string
	}{
		{"300", 300, "/next"},
		{"304", 304, "/next"},
		{"305", 305, "/next"},
		{"306", 306, "/next"},
		{"308", 308, "/next"},
		{"308 without a Location", 308, ""},
		{"301 without a Location", 301, ""},
		{"307 without a Location", 307, ""},
		{"302 to nothing but a fragment", 302, "#top"},
		{"302 to another scheme", 302, "ftp://a.example/"},
		{"302 to what is no URL", 302, "http://a.example:port/"},
		{"302 to a URL with a space", 302, "/a b"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWebhook(t, routes(map[string]http.HandlerFunc{"/sms": moved(row.code, row.location), "/next": says(twiml("here"))}))
			d := send(t, newPhone(t, at(w.URL)), "hi")
			if got := errorsOf(d); !slices.Equal(got, []int{11216}) || len(d.Exchanges) != 1 {
				t.Errorf("errors %v, exchanges %q", got, reasons(d))
			}
		})
	}
}

func TestALoopOfRedirectsEnds(t *testing.T) {
	w := newWebhook(t, moved(302, "/sms"))
	d := send(t, newPhone(t, at(w.URL)), "hi")
	if got := errorsOf(d); !slices.Equal(got, []int{11215}) || !warned(d, "How many redirects") {
		t.Errorf("findings %+v", d.Findings)
	}
	if n := len(d.Exchanges); n != 11 {
		t.Errorf("%d exchanges, want the first and ten redirects", n)
	}
}

func TestConnectionOverridesHoldForRedirects(t *testing.T) {
	w := newWebhook(t, routes(map[string]http.HandlerFunc{"/sms": moved(307, "/next#rc=5"), "/next": status(503)}))
	d := send(t, newPhone(t, phone.Endpoint{URL: publicURL + "#rc=2&rp=5xx", Address: w.URL + "/sms"}), "hi")
	if got := len(d.Exchanges); got != 4 {
		t.Errorf("%d exchanges, want the redirect and three tries", got)
	}
}

func TestCookiesAreTakenFromRedirects(t *testing.T) {
	w := newWebhook(t, routes(map[string]http.HandlerFunc{
		"/sms": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Set-Cookie", "a=1")
			moved(302, "/next")(w, r)
		},
		"/next": says(empty),
	}))
	send(t, newPhone(t, at(w.URL)), "hi")
	if got := w.requests()[1].header.Get("Cookie"); got != "a=1" {
		t.Errorf("came %q", got)
	}
}

// A server behind a tunnel that takes "/twilio" off may redirect by the name that Twilio knows, by its own, or by a path
// alone. The first and the second are one place.
func TestRedirectsStayBehindTheTunnel(t *testing.T) {
	var w *webhook
	w = newWebhook(t, func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/next" {
			says(twiml("here"))(rw, r)
			return
		}
		moved(307, strings.ReplaceAll(r.Form.Get("Body"), "SELF", w.URL))(rw, r)
	})
	p := newPhone(t, phone.Endpoint{URL: "https://sms.example.com/twilio/sms", Address: w.URL + "/sms"})
	for name, location := range map[string]string{
		"the public URL":    "https://sms.example.com/twilio/next",
		"its own URL":       "SELF/next",
		"a path beside":     "next",
		"a path from above": "/twilio/next",
		"with the port":     "https://sms.example.com:443/twilio/next",
		"in capitals":       "HTTPS://SMS.example.com/twilio/next",
	} {
		t.Run(name, func(t *testing.T) {
			d := send(t, p, location)
			if got := texts(d); !slices.Equal(got, []string{"here"}) {
				t.Fatalf("replies %q, findings %+v", got, d.Findings)
			}
			last := d.Exchanges[len(d.Exchanges)-1]
			if !strings.EqualFold(strings.Replace(last.URL, ":443", "", 1), "https://sms.example.com/twilio/next") || last.Address != w.URL+"/next" {
				t.Errorf("signed over %s, sent to %s", last.URL, last.Address)
			}
		})
	}
}

func TestARedirectLeadsBackBehindTheTunnel(t *testing.T) {
	other := newWebhook(t, moved(307, "https://sms.example.com/next"))
	w := newWebhook(t, routes(map[string]http.HandlerFunc{"/sms": moved(307, other.URL+"/elsewhere"), "/next": says(twiml("back"))}))
	d := send(t, newPhone(t, at(w.URL), anywhere), "hi")
	if got := texts(d); !slices.Equal(got, []string{"back"}) {
		t.Errorf("replies %q, findings %+v", got, d.Findings)
	}
}

func TestUserAndPasswordGoNoFurtherThanTheirServer(t *testing.T) {
	other := newWebhook(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", "Basic")
		w.WriteHeader(http.StatusUnauthorized)
	})
	w := newWebhook(t, routes(map[string]http.HandlerFunc{
		"/sms":   moved(307, other.URL+"/sms"),
		"/local": moved(307, "/guarded"),
		"/guarded": func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "" {
				w.Header().Set("WWW-Authenticate", "Basic")
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			says(empty)(w, r)
		},
	}))
	send(t, newPhone(t, phone.Endpoint{URL: "https://user:pass@sms.example.com/sms", Address: w.URL + "/sms"}, anywhere), "hi")
	if n := len(other.requests()); n != 1 {
		t.Errorf("another server got %d requests, one of them with the password", n)
	}
	if d := send(t, newPhone(t, phone.Endpoint{URL: "https://user:pass@sms.example.com/local", Address: w.URL + "/local"}), "hi"); !d.OK() {
		t.Errorf("the same server did not get the password: %+v", d.Findings)
	}
}
