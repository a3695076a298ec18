package app_test

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"smsession/internal/app"
	"smsession/internal/conversation"
)

// requested returns the methods and the URIs of the requests.
func (s *server) requested() []string {
	var all []string
	for _, r := range s.received() {
		uri, _, _ := strings.Cut(r.uri, "&Api") // without the parameters
		uri, _, _ = strings.Cut(uri, "?Acc")
		all = append(all, r.method+" "+uri)
	}
	return all
}

// Twilio's sample of a survey for Flask answers one message with these three documents.
func TestSurvey(t *testing.T) {
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if c, err := r.Cookie("step"); r.URL.Path != "/message" && (err != nil || c.Value == "") {
			t.Errorf("%s has no cookie", r.URL)
		}
		w.Header().Set("Set-Cookie", "step="+strings.ReplaceAll(r.URL.Path, "/", "-"))
		pages(map[string]string{
			"/message":    `<Redirect method="POST">/answer/1</Redirect>`,
			"/answer/1":   `<Message>Thanks</Message><Redirect method="GET">../question/2?lang=en</Redirect><Message>no</Message>`,
			"/question/2": `<Message>How old?</Message>`,
		})(w, r)
	})
	const public = "https://bot.example.com"
	k := newKit(t, s.URL+"/message", publicURL(public+"/message"))
	after, got := k.respond(t, conversation.State{}, newMessage("hello"))
	if got != response(`<Message>Thanks</Message><Message>How old?</Message>`) {
		t.Errorf("the reply is %s", got)
	}
	want := []string{"POST /message", "POST /answer/1", "GET /question/2?lang=en&AccountSid=" + accountSID}
	if !slices.Equal(s.requested(), want) {
		t.Errorf("the requests are %q, want %q", s.requested(), want)
	}
	for _, r := range s.received() {
		checkSignature(t, r, public+r.uri)
		if r.host != "bot.example.com" || r.header.Get("Smsession-Attempt") != "1" {
			t.Errorf("the request is %+v", r)
		}
	}
	if first, last := s.received()[0], s.received()[2]; !strings.HasSuffix(last.uri, first.body) || last.body != "" ||
		last.header.Get("Content-Type") != "" {
		t.Errorf("the GET is %+v", last)
	}
	if string(after.Data) != `{"cookies":[{"name":"step","value":"-question-2"}]}` {
		t.Errorf("the data is %s", after.Data)
	}
	if n := len(k.last().Exchanges); n != 3 {
		t.Errorf("%d exchanges were observed", n)
	}
}

func TestRedirects(t *testing.T) {
	for _, row := range []struct {
		name     string
		status   int
		location string
		want     string // the second request; "" if the redirect is a fault
		hasForm  bool
	}{
		{"301 is followed by GET without parameters", 301, "/next", "GET /next", false},
		{"302 is followed by GET without parameters", 302, "/next", "GET /next", false},
		{"303 is followed by GET without parameters", 303, "/next", "GET /next", false},
		{"307 repeats the request", 307, "/next", "POST /next", true},
		{"a relative Location is resolved", 302, "next?a=1", "GET /a/next?a=1", false},
		{"the public URL is the app's own", 302, "https://bot.example.com/next", "GET /next", false},
		{"its scheme may differ", 302, "http://BOT.example.com/next", "GET /next", false},
		{"its default port may be written", 302, "https://bot.example.com:443/next", "GET /next", false},
		{"a space is escaped", 302, "/next page?a=b c", "GET /next%20page?a=b%20c", false},
		{"a space in the host is a fault", 302, "https://bot.example.com /next", "", false},
		{"the address is the app's own", 302, "https://ADDRESS/next", "GET /next", false},
		{"a fragment is dropped", 302, "/next#a", "GET /next", false},
		{"308 is a fault", 308, "/next", "", false},
		{"300 is a fault", 300, "/next", "", false},
		{"a missing Location is a fault", 302, "", "", false},
		{"another host is a fault", 302, "https://evil.example/next", "", false},
		{"another port is a fault", 302, "https://bot.example.com:8443/next", "", false},
		{"a host with the same beginning is a fault", 302, "https://bot.example.com.evil.example/", "", false},
		{"a user that looks like the host is a fault", 302, "https://bot.example.com@evil.example/", "", false},
		{"another scheme than http is a fault", 302, "ftp://bot.example.com/next", "", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			var s *server
			s = newServer(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/a/sms" {
					answers(200, "text/plain", "Hello")(w, r)
					return
				}
				location := strings.Replace(row.location, "ADDRESS", s.Listener.Addr().String(), 1)
				w.Header()["Location"] = []string{location}
				w.Header().Set("Set-Cookie", "a=1")
				w.WriteHeader(row.status)
			})
			const public = "https://bot.example.com"
			k := newKit(t, s.URL+"/a/sms", publicURL(public+"/a/sms"))
			fault := k.fault(t.Context(), t)
			if row.want == "" {
				if fault != app.Redirect || len(s.received()) != 1 {
					t.Errorf("the fault is %q, the requests are %q", fault, s.requested())
				}
				return
			}
			if got := s.requested(); fault != "" || len(got) != 2 || got[1] != row.want {
				t.Fatalf("the fault is %q, the requests are %q: %s", fault, got, k.last().Problem)
			}
			next := s.received()[1]
			if (next.body != "") != row.hasForm || next.header.Get("Cookie") != "a=1" {
				t.Errorf("the request is %+v", next)
			}
			checkSignature(t, next, public+next.uri)
		})
	}
}

// A 307 repeats the request that it answers, which may be one that has lost the parameters.
func TestRepeatedGet(t *testing.T) {
	next := map[string]struct {
		location string
		status   int
	}{"/sms": {"/a", http.StatusSeeOther}, "/a": {"/b?c=1", http.StatusTemporaryRedirect}}
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if to, has := next[r.URL.Path]; has {
			http.Redirect(w, r, to.location, to.status)
			return
		}
		answers(204, "", "")(w, r)
	})
	newKit(t, s.URL+"/sms", nil).respond(t, conversation.State{}, newMessage("hello"))
	last := s.received()[2]
	if last.method != http.MethodGet || last.uri != "/b?c=1" || last.body != "" {
		t.Errorf("the request is %+v", last)
	}
	checkSignature(t, last, s.URL+last.uri)
	if _, hasLength := last.header["Content-Length"]; hasLength || len(last.encodings) > 0 {
		t.Errorf("a request without a body has a Content-Length, or the Transfer-Encoding %q", last.encodings)
	}
}

// Flask answers 308 if the URL of a route lacks the slash at its end.
func TestMovedWebhook(t *testing.T) {
	for _, row := range []struct{ name, location, want string }{
		{"a path", "/sms/?a=1", "ADDRESS/sms/?a=1"},
		{"a URL with the host that the app sees", "https://bot.example.com/sms/", "ADDRESS/sms/"},
		{"another host", "https://www.example.com/sms", "https://www.example.com/sms"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", row.location)
				w.WriteHeader(http.StatusPermanentRedirect)
			})
			want := fmt.Sprintf("set APP_URL to the new URL: %q.", strings.Replace(row.want, "ADDRESS", s.URL, 1))
			for protocol, k := range map[string]*kit{
				"twilio": newKit(t, s.URL+"/sms", publicURL("https://bot.example.com/sms")),
				"json":   newJSONKit(t, s.URL+"/sms", publicURL("https://bot.example.com/sms")),
			} {
				if got := k.fault(t.Context(), t); got != app.Redirect || !strings.Contains(k.last().Problem, want) {
					t.Errorf("%s: the fault is %q: %s, want %s", protocol, got, k.last().Problem, want)
				}
			}
		})
	}
}

// The page and app-check show the same sentences.
func TestAdvice(t *testing.T) {
	for _, row := range []struct {
		name        string
		status      int
		contentType string
		want        string
		code        int
	}{
		{"400", 400, "text/html", "set APP_PUBLIC_URL to a URL with a host that it knows", 0},
		{"403", 403, "text/html", "called as https://bot.example.com/sms?•••: if it expects another URL", 0},
		{"404", 404, "text/html", "Check the path of APP_URL", 0},
		{"405", 405, "text/html", "the app must accept a POST there", 0},
		{"a dictionary of Flask", 200, "application/json", "For an app that answers JSON, set APP_PROTOCOL=json",
			12300},
		{"TwiML that is not XML", 200, "text/xml", "", 12100},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newServer(t, answers(row.status, row.contentType, `{"reply":"a"}`))
			k := newKit(t, s.URL+"/sms", publicURL("https://bot.example.com/sms?key=S3cr3t"))
			k.fault(t.Context(), t)
			call := k.last()
			if !strings.Contains(call.Problem, row.want) || call.Code != row.code ||
				strings.Contains(call.Problem, "121") || strings.Contains(call.Problem, "S3cr3t") {
				t.Errorf("the problem is %d %s, want %d %s", call.Code, call.Problem, row.code, row.want)
			}
		})
	}
}

func TestNumberOfRedirects(t *testing.T) {
	for _, row := range []struct {
		redirects int
		want      conversation.Fault
	}{{5, ""}, {6, app.Redirect}} {
		t.Run(fmt.Sprint(row.redirects, " redirects"), func(t *testing.T) {
			n := 0
			s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
				if n++; n <= row.redirects {
					http.Redirect(w, r, fmt.Sprint("/", n), http.StatusFound)
					return
				}
				answers(204, "", "")(w, r)
			})
			if got := newKit(t, s.URL+"/sms", nil).fault(t.Context(), t); got != row.want {
				t.Errorf("the fault is %q", got)
			}
		})
	}
}

func TestNumberOfDocuments(t *testing.T) {
	for _, row := range []struct {
		documents int
		want      conversation.Fault
	}{{10, ""}, {11, app.TooManyDocuments}} {
		t.Run(fmt.Sprint(row.documents, " documents"), func(t *testing.T) {
			n := 0
			s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
				content := "<Message>a</Message>"
				if n++; n < row.documents {
					content += "<Redirect/>" // to the same document
				}
				answers(200, "text/xml", response(content))(w, r)
			})
			k := newKit(t, s.URL+"/sms", nil)
			if got := k.fault(t.Context(), t); got != row.want {
				t.Fatalf("the fault is %q", got)
			}
			if got := strings.Count(k.last().Reply.TwiML, "<Message>"); row.want == "" && got != 10 {
				t.Errorf("the reply has %d messages", got)
			}
			if len(s.received()) != 10 {
				t.Errorf("the app was called %d times", len(s.received()))
			}
		})
	}
}

func TestOwnURL(t *testing.T) {
	for _, row := range []struct{ name, public, reference, want string }{
		{"a space is escaped", "https://bot.example.com/sms", "/next page?a=b c", "/next%20page?a=b%20c"},
		{"a name may be in Punycode", "https://bücher.example/sms", "https://xn--bcher-kva.example/next", "/next"},
		{"a name may not be in Punycode", "https://xn--bcher-kva.example/sms", "http://BÜCHER.example:80/next", "/next"},
		{"another name is not the app's", "https://bücher.example/sms", "https://bucher.example/next", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/sms" {
					answers(200, "text/xml", response("<Redirect>"+row.reference+"</Redirect>"))(w, r)
					return
				}
				answers(204, "", "")(w, r)
			})
			newKit(t, s.URL+"/sms", publicURL(row.public)).respond(t, conversation.State{}, newMessage("hello"))
			if all := s.received(); all[len(all)-1].uri != cmp.Or(row.want, "/sms") {
				t.Errorf("the requests are %q", s.requested())
			}
		})
	}
}

// The bytes of a form need not all be allowed in a URL.
func TestFormInQuery(t *testing.T) {
	s := newServer(t, pages(map[string]string{"/sms": `<Redirect method="GET">/next</Redirect>`, "/next": ""}))
	m := newMessage("")
	m.Webhook.Form = parsed("Body=a%20+ #\x01\x7fé")
	newKit(t, s.URL+"/sms", nil).respond(t, conversation.State{}, m)
	if all := s.received(); all[len(all)-1].uri != "/next?Body=a%20+%20%23%01%7Fé" {
		t.Errorf("the requests are %q", s.requested())
	}
}

// The app is at another path than the public URL, and its documents lead to its own paths.
func TestOtherPublicPath(t *testing.T) {
	s := newServer(t, pages(map[string]string{
		"/bot/hook": `<Redirect>answer</Redirect>`, "/bot/answer": `<Message><Media>cat.jpg</Media></Message>`,
	}))
	k := newKit(t, s.URL+"/bot/hook", publicURL("https://sms.example.com/sms"))
	_, got := k.respond(t, conversation.State{}, newMessage("hello"))
	want := response(`<Message><Media>https://sms.example.com/bot/cat.jpg</Media></Message>`)
	if got != want {
		t.Errorf("the reply is %s, want %s", got, want)
	}
	checkSignature(t, s.received()[0], "https://sms.example.com/sms")
	checkSignature(t, s.received()[1], "https://sms.example.com/bot/answer")
}

// The same document is signed again at the public path, which the app does not have.
func TestSameDocument(t *testing.T) {
	for _, reference := range []string{"", "#next"} {
		s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Cookie") != "" {
				answers(204, "", "")(w, r)
				return
			}
			w.Header().Set("Set-Cookie", "a=1")
			pages(map[string]string{"/bot/hook": "<Redirect>" + reference + "</Redirect>"})(w, r)
		})
		k := newKit(t, s.URL+"/bot/hook?key=1", publicURL("https://sms.example.com/sms"))
		k.respond(t, conversation.State{}, newMessage("hello"))
		for _, r := range s.received() {
			if r.method != http.MethodPost || r.uri != "/bot/hook?key=1" {
				t.Errorf("the request is %+v", r)
			}
			checkSignature(t, r, "https://sms.example.com/sms?key=1")
		}
	}
}
