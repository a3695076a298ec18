package phone_test

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"smsession/internal/gsm"
	"smsession/internal/phone"
)

func TestReplies(t *testing.T) {
	w := newWebhook(t, verbs(`<Message>one</Message><Message to="+12025550199" from="+15005550001"><Body>two</Body><Media>https://a.example/1</Media></Message>`))
	d := send(t, newPhone(t, at(w.URL)), "hi")
	if !d.OK() || len(d.Replies) != 2 {
		t.Fatalf("the delivery is %+v", d)
	}
	first, second := d.Replies[0], d.Replies[1]
	if first.From != to || first.To != from || first.Body != "one" ||
		first.Segments != (gsm.Segments{Encoding: gsm.GSM7, Count: 1}) {
		t.Errorf("the first reply is %+v", first)
	}
	if second.From != "+15005550001" || second.To != "+12025550199" || second.Body != "two" ||
		!slices.Equal(second.Media, []string{"https://a.example/1"}) {
		t.Errorf("the second reply is %+v", second)
	}
}

// The fallback gets the same parameters and Twilio's number of the error.
func TestFallback(t *testing.T) {
	for _, row := range []struct {
		name    string
		primary http.HandlerFunc
		code    int
	}{
		{"a status of 500 leads to the fallback", status(http.StatusInternalServerError), 11217},
		{"XML that is not well-formed leads to the fallback", responds("<Response><Message>"), 12100},
		{"a bad cookie leads to the fallback", sets("=x", responds(twiml("not sent"))), 11206},
		{"a 308 leads to the fallback", status(http.StatusPermanentRedirect), 11216},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWebhook(t, routes(map[string]http.HandlerFunc{"/sms": row.primary,
				"/sms/fallback": responds(twiml("sorry"))}))
			d := send(t, newPhone(t, at(w.URL), withFallback(w.URL)), "hi")
			if got := reasons(d); !slices.Equal(got, []phone.Reason{phone.Primary, phone.Fallback}) {
				t.Fatalf("the exchanges are %q", got)
			}
			if !slices.Equal(texts(d), []string{"sorry"}) || !slices.Equal(errorsOf(d), []int{row.code}) {
				t.Errorf("the replies are %q, the errors %v", texts(d), errorsOf(d))
			}
			primary, fallback := w.requests()[0].form, w.requests()[1].form
			if fallback.Get("ErrorCode") != strconv.Itoa(row.code) || fallback.Get("ErrorUrl") != publicURL {
				t.Errorf("ErrorCode is %q, ErrorUrl is %q", fallback.Get("ErrorCode"), fallback.Get("ErrorUrl"))
			}
			if !w.requests()[1].isSigned(publicURL + "/fallback") {
				t.Error("the signature is not over the fallback URL")
			}
			fallback.Del("ErrorCode")
			fallback.Del("ErrorUrl")
			if primary.Encode() != fallback.Encode() {
				t.Errorf("the fallback got %v, the webhook %v", fallback, primary)
			}
		})
	}
	for name, primary := range map[string]http.HandlerFunc{
		"a reply does not lead to the fallback":           responds(twiml("fine")),
		"an empty Response does not lead to the fallback": responds(empty),
		"an empty message does not lead to the fallback":  verbs("<Message></Message>"),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWebhook(t, routes(map[string]http.HandlerFunc{"/sms": primary,
				"/sms/fallback": responds(twiml("sorry"))}))
			if d := send(t, newPhone(t, at(w.URL), withFallback(w.URL)), "hi"); len(d.Exchanges) != 1 {
				t.Errorf("the exchanges are %q", reasons(d))
			}
		})
	}
	t.Run("without a fallback there is only the error", func(t *testing.T) {
		w := newWebhook(t, status(http.StatusBadGateway))
		d := send(t, newPhone(t, at(w.URL)), "hi")
		if got := errorsOf(d); !slices.Equal(got, []int{11217}) || len(d.Replies) > 0 || len(d.Exchanges) != 1 {
			t.Errorf("the delivery is %+v", d)
		}
	})
	t.Run("a fallback that fails adds its error", func(t *testing.T) {
		w := newWebhook(t, routes(map[string]http.HandlerFunc{"/sms": status(500), "/sms/fallback": responds("sorry")}))
		d := send(t, newPhone(t, at(w.URL), withFallback(w.URL)), "hi")
		if got := errorsOf(d); !slices.Equal(got, []int{11217, 12100}) || len(d.Replies) > 0 {
			t.Fatalf("the errors are %v, the replies %q", got, texts(d))
		}
		if d.Findings[0].URL != publicURL || d.Findings[1].URL != publicURL+"/fallback" {
			t.Errorf("the findings are %+v", d.Findings)
		}
	})
	t.Run("a later document that fails leads to the fallback, with a warning", func(t *testing.T) {
		w := newWebhook(t, routes(map[string]http.HandlerFunc{
			"/sms":          verbs("<Message>sent</Message><Redirect>/next</Redirect>"),
			"/next":         status(http.StatusGone),
			"/sms/fallback": responds(twiml("sorry")),
		}))
		d := send(t, newPhone(t, at(w.URL), withFallback(w.URL)), "hi")
		if got := texts(d); !slices.Equal(got, []string{"sent", "sorry"}) || !isWarned(d, "later document") {
			t.Errorf("the replies are %q, the findings %+v", got, d.Findings)
		}
		if got := w.last().form.Get("ErrorUrl"); got != "https://sms.example.com/next" {
			t.Errorf("ErrorUrl is %s", got)
		}
	})
}

func TestForbidden(t *testing.T) {
	w := newWebhook(t, status(http.StatusForbidden))
	p := newPhone(t, at(w.URL))
	if d := send(t, p, "hi"); !isWarned(d, "refused the signature") {
		t.Errorf("the findings are %+v", d.Findings)
	}
	if d := p.Send(t.Context(), phone.Message{Body: "hi", Forged: true}); isWarned(d, "refused the signature") {
		t.Errorf("the findings of a forged message are %+v", d.Findings)
	}
}

func TestRedirectVerb(t *testing.T) {
	for _, row := range []struct{ name, verb, target string }{
		{"a Redirect may be a path from the root", "<Redirect>/next</Redirect>", "/next"},
		{"a Redirect may be a relative path", "<Redirect>next</Redirect>", "/next"},
		{"a Redirect may have a query", "<Redirect>/next?step=2</Redirect>", "/next?step=2"},
		{"a Redirect may be a URL of the public server", "<Redirect>https://sms.example.com/next</Redirect>", "/next"},
		{"a Redirect may have connection overrides", "<Redirect>/next#rc=0</Redirect>", "/next"},
		{"a Redirect may name the method POST", `<Redirect method="POST">/next</Redirect>`, "/next"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWebhook(t, routes(map[string]http.HandlerFunc{
				"/sms":  verbs("<Message>before</Message>" + row.verb),
				"/next": verbs("<Message>after</Message>"),
			}))
			d := send(t, newPhone(t, at(w.URL)), "hi")
			if got := texts(d); !d.OK() || !slices.Equal(got, []string{"before", "after"}) {
				t.Fatalf("the replies are %q, the findings %+v", got, d.Findings)
			}
			if got := reasons(d); !slices.Equal(got, []phone.Reason{phone.Primary, phone.Verb}) {
				t.Errorf("the exchanges are %q", got)
			}
			first, second := w.requests()[0], w.requests()[1]
			if second.method != "POST" || second.target != row.target || second.body != first.body {
				t.Errorf("the second request is %s %s with the body %q", second.method, second.target, second.body)
			}
			if !second.isSigned("https://sms.example.com" + row.target) {
				t.Error("the signature is not over the new URL")
			}
		})
	}
	t.Run("a Redirect by GET has the parameters in its query", func(t *testing.T) {
		w := newWebhook(t, routes(map[string]http.HandlerFunc{
			"/sms":  verbs(`<Redirect method="GET">/next?step=2</Redirect>`),
			"/next": verbs("<Message>after</Message>"),
		}))
		d := send(t, newPhone(t, at(w.URL)), "hi")
		first, second := w.requests()[0], w.requests()[1]
		want := "/next?step=2&" + first.body
		if got := texts(d); !slices.Equal(got, []string{"after"}) || second.method != "GET" || second.target != want ||
			second.body != "" {
			t.Errorf("the replies are %q, the request is %s %s with the body %q", got, second.method, second.target,
				second.body)
		}
		if second.header.Get("Content-Type") != "" || second.header.Get("Content-Length") != "" {
			t.Errorf("the header is %v", second.header)
		}
		if !second.isSigned("https://sms.example.com" + want) {
			t.Error("the signature is not over the whole URL alone")
		}
	})
}

func TestAction(t *testing.T) {
	w := newWebhook(t, routes(map[string]http.HandlerFunc{
		"/sms":    verbs(`<Message action="/action">before</Message><Message>never</Message>`),
		"/action": verbs("<Message>after</Message>"),
	}))
	d := send(t, newPhone(t, at(w.URL)), "hi")
	if got := texts(d); !d.OK() || !slices.Equal(got, []string{"before", "after"}) || !isWarned(d, "action") {
		t.Fatalf("the replies are %q, the findings %+v", got, d.Findings)
	}
	if got := reasons(d); !slices.Equal(got, []phone.Reason{phone.Primary, phone.Action}) {
		t.Errorf("the exchanges are %q", got)
	}
	got := w.last()
	if got.form.Get("MessageStatus") == "" || !strings.HasPrefix(got.form.Get("MessageSid"), "SM") ||
		got.form.Get("MessageSid") == d.Message.SID {
		t.Errorf("the action got %v", got.form)
	}
	if got.form.Get("From") != to || got.form.Get("To") != from || got.form.Has("Body") ||
		!got.isSigned("https://sms.example.com/action") {
		t.Errorf("the action got %v", got.form)
	}
}

func TestInvalidNextDocument(t *testing.T) {
	for _, row := range []struct {
		name, verb string
		code       int
	}{
		{"a Redirect to another scheme is an error", "<Redirect>ftp://a.example/</Redirect>", 11100},
		{"a Redirect to a URL that cannot be parsed is an error", "<Redirect>http://a.example:port/</Redirect>", 11100},
		{"a Redirect with a bad connection override is an error", "<Redirect>/next#rc=99</Redirect>", 11100},
		{"an action without a host is an error", `<Message action="//:80/">x</Message>`, 11100},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWebhook(t, routes(map[string]http.HandlerFunc{"/sms": verbs(row.verb),
				"/sms/fallback": responds(twiml("sorry"))}))
			d := send(t, newPhone(t, at(w.URL), withFallback(w.URL)), "hi")
			if got := errorsOf(d); !slices.Equal(got, []int{row.code}) ||
				w.last().form.Get("ErrorCode") != strconv.Itoa(row.code) {
				t.Errorf("the findings are %+v, the last request is %v", d.Findings, w.last().form)
			}
		})
	}
}

func TestDocumentLimits(t *testing.T) {
	six := strings.Repeat("<Message>x</Message>", 6)
	t.Run("all documents together send ten messages", func(t *testing.T) {
		w := newWebhook(t, routes(map[string]http.HandlerFunc{
			"/sms":   verbs(six + "<Redirect>/next</Redirect>"),
			"/next":  verbs(six + "<Redirect>/third</Redirect>"),
			"/third": verbs(six),
		}))
		d := send(t, newPhone(t, at(w.URL)), "hi")
		if got := errorsOf(d); len(d.Replies) != 10 || !slices.Equal(got, []int{14109}) || len(d.Exchanges) != 3 {
			t.Errorf("there are %d replies and %d documents, the errors are %v", len(d.Replies), len(d.Exchanges), got)
		}
	})
	t.Run("each document with more than ten messages is an error", func(t *testing.T) {
		w := newWebhook(t, routes(map[string]http.HandlerFunc{
			"/sms":  verbs(six + six + "<Redirect>/next</Redirect>"),
			"/next": verbs(six + six),
		}))
		d := send(t, newPhone(t, at(w.URL)), "hi")
		if got := errorsOf(d); len(d.Replies) != 10 || !slices.Equal(got, []int{14109, 14109}) {
			t.Errorf("there are %d replies, the errors are %v", len(d.Replies), got)
		}
	})
	t.Run("Twilio requests at most 50 documents", func(t *testing.T) {
		w := newWebhook(t, verbs("<Redirect>/sms</Redirect>"))
		d := send(t, newPhone(t, at(w.URL), withFallback(w.URL)), "hi")
		if got := errorsOf(d); len(d.Exchanges) != 50 || !slices.Equal(got, []int{14106}) {
			t.Errorf("there are %d exchanges, the errors are %v", len(d.Exchanges), got)
		}
	})
	t.Run("a document that leads to itself causes one warning", func(t *testing.T) {
		w := newWebhook(t, verbs("<Redirect/>"))
		d := send(t, newPhone(t, at(w.URL)), "hi")
		if len(d.Exchanges) != 50 || len(d.Findings) != 2 || !isWarned(d, "no URL") {
			t.Errorf("there are %d exchanges and %d findings, the first is %+v", len(d.Exchanges), len(d.Findings),
				d.Findings[0])
		}
	})
}

func TestContext(t *testing.T) {
	t.Run("the end of the context ends a delivery", func(t *testing.T) {
		arrived, release := make(chan struct{}), make(chan struct{})
		w := newWebhook(t, func(http.ResponseWriter, *http.Request) {
			close(arrived)
			<-release
		})
		defer close(release)
		ctx, cancel := context.WithCancel(t.Context())
		p := newPhone(t, at(w.URL), withFallback(w.URL))
		done := make(chan *phone.Delivery)
		go func() { done <- p.Send(ctx, phone.Message{Body: "hi"}) }()
		<-arrived
		cancel()
		d := <-done
		if d.OK() || len(d.Exchanges) != 1 || d.Exchanges[0].Error == "" || d.Findings[0].Code != 0 {
			t.Errorf("the delivery is %+v", d)
		}
		if d.Took >= 15*time.Second {
			t.Errorf("the delivery took %s, as long as Twilio's own time-out", d.Took)
		}
	})
	t.Run("nothing is sent after the end of the context", func(t *testing.T) {
		w := newWebhook(t, responds(empty))
		p := newPhone(t, at(w.URL))
		for range 2 { // the second time, there is a connection
			if d := p.Send(cancelled(), phone.Message{Body: "hi"}); d.OK() {
				t.Errorf("the delivery is %+v", d)
			}
			send(t, p, "hi")
		}
		if n := len(w.requests()); n != 2 {
			t.Errorf("%d requests came, want 2", n)
		}
	})
}

func TestJSON(t *testing.T) {
	w := newWebhook(t, responds(empty))
	text, err := json.Marshal(send(t, newPhone(t, at(w.URL), func(o *phone.Options) { o.Trace = false }), "hi"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"body":"hi"`, `"replies":[]`, `"findings":[]`, `"cookie":"none"`,
		`"reason":"primary"`, `"status":200`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s does not contain %s", text, want)
		}
	}
	if strings.Contains(string(text), token) {
		t.Errorf("%s contains the token", text)
	}
}

func TestClock(t *testing.T) {
	w := newWebhook(t, responds(empty))
	p := newPhone(t, at(w.URL))
	p.Skip(1000 * time.Hour)
	before := p.Now()
	d := send(t, p, "hi")
	after := p.Now()
	if ahead := time.Until(before); ahead < 999*time.Hour {
		t.Errorf("the phone's clock is %s ahead", ahead)
	}
	for _, at := range []time.Time{d.Sent, d.Exchanges[0].Sent} {
		if at.Before(before) || at.After(after) {
			t.Errorf("the time is %s, want between %s and %s", at, before, after)
		}
	}
	if d.Took <= 0 || d.Exchanges[0].Took <= 0 || d.Took < d.Exchanges[0].Took {
		t.Errorf("the delivery took %s, its exchange %s", d.Took, d.Exchanges[0].Took)
	}
}
