package phone_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"smsession/internal/gsm"
	"smsession/internal/phone"
)

// routes answers by path.
func routes(handlers map[string]http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if handler, found := handlers[r.URL.Path]; found {
			handler(w, r)
			return
		}
		w.WriteHeader(http.StatusNotFound)
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func response(verbs string) http.HandlerFunc {
	return says(`<?xml version="1.0" encoding="UTF-8"?><Response>` + verbs + `</Response>`)
}

func TestRepliesGoToTheSender(t *testing.T) {
	w := newWebhook(t, response(`<Message>one</Message><Message to="+12025550199" from="+15005550001"><Body>two</Body><Media>https://a.example/1</Media></Message>`))
	d := send(t, newPhone(t, at(w.URL)), "hi")
	if !d.OK() || len(d.Replies) != 2 {
		t.Fatalf("%+v", d)
	}
	first, second := d.Replies[0], d.Replies[1]
	if first.From != to || first.To != from || first.Body != "one" || first.Segments != (gsm.Segments{Encoding: gsm.GSM7, Count: 1}) {
		t.Errorf("%+v", first)
	}
	if second.From != "+15005550001" || second.To != "+12025550199" || second.Body != "two" || !slices.Equal(second.Media, []string{"https://a.example/1"}) {
		t.Errorf("%+v", second)
	}
}

func TestAReplyToSTOPIsWarnedOf(t *testing.T) {
	for _, row := range []struct {
		name, from, verbs string
		message           phone.Message
		want              bool
	}{
		{"a reply to the word", from, "<Message>Goodbye</Message>", phone.Message{Body: " stop "}, true},
		{"a reply to what Advanced Opt-Out takes for it", from, "<Message>Goodbye</Message>", phone.Message{Body: "Leave me", OptOutType: "STOP"}, true},
		{"no reply", from, "", phone.Message{Body: "STOP"}, false},
		{"a message to somebody else", from, `<Message to="+12025550199">They left</Message>`, phone.Message{Body: "STOP"}, false},
		{"a reply to more than the word", from, "<Message>Why?</Message>", phone.Message{Body: "STOP PLEASE"}, false},
		{"a reply on WhatsApp, which has no such words", "whatsapp:" + from, "<Message>Goodbye</Message>", phone.Message{Body: "STOP"}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWebhook(t, response(row.verbs))
			d := newPhone(t, at(w.URL), func(o *phone.Options) { o.From = row.from }).Send(t.Context(), row.message)
			optedOut := func(f phone.Finding) bool { return f.Code == 21610 && f.Warning && f.Name != "" }
			if got := slices.ContainsFunc(d.Findings, optedOut); got != row.want || !d.OK() {
				t.Errorf("findings %+v", d.Findings)
			}
		})
	}
}

// What goes wrong at the webhook, and how Twilio numbers it for the fallback URL.
func TestTheFallbackGetsTheSameMessageAndTheError(t *testing.T) {
	for _, row := range []struct {
		name    string
		primary http.HandlerFunc
		code    string
	}{
		{"a webhook that cannot be retrieved", status(http.StatusInternalServerError), "11217"},
		{"a webhook that cannot be executed", says("<Response><Message>"), "12100"},
		{"a webhook that sets a bad cookie", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Set-Cookie", "=x")
			says(twiml("not sent"))(w, r)
		}, "11206"},
		{"a webhook that redirects by 308", status(http.StatusPermanentRedirect), "11216"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWebhook(t, routes(map[string]http.HandlerFunc{"/sms": row.primary, "/sms/fallback": says(twiml("sorry"))}))
			d := send(t, newPhone(t, at(w.URL), withFallback(w.URL)), "hi")
			if got := reasons(d); !slices.Equal(got, []phone.Reason{phone.Primary, phone.Fallback}) {
				t.Fatalf("exchanges %q", got)
			}
			if got := texts(d); !slices.Equal(got, []string{"sorry"}) {
				t.Errorf("replies %q", got)
			}
			if got := errorsOf(d); !slices.Equal(got, []int{atoi(row.code)}) {
				t.Errorf("errors %v", got)
			}
			primary, fallback := w.requests()[0].form, w.requests()[1].form
			if fallback.Get("ErrorCode") != row.code || fallback.Get("ErrorUrl") != publicURL {
				t.Errorf("ErrorCode %q, ErrorUrl %q", fallback.Get("ErrorCode"), fallback.Get("ErrorUrl"))
			}
			fallback.Del("ErrorCode")
			fallback.Del("ErrorUrl")
			if primary.Encode() != fallback.Encode() {
				t.Errorf("the fallback got %v, the webhook %v", fallback, primary)
			}
		})
	}
}

func atoi(s string) (n int) {
	fmt.Sscan(s, &n)
	return n
}

func TestTheFallbackIsLeftAloneWhenThereIsTwiML(t *testing.T) {
	for name, primary := range map[string]http.HandlerFunc{
		"an answer":                       says(twiml("fine")),
		"no answer":                       says(empty),
		"an answer with an empty message": response("<Message></Message>"),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWebhook(t, routes(map[string]http.HandlerFunc{"/sms": primary, "/sms/fallback": says(twiml("sorry"))}))
			if d := send(t, newPhone(t, at(w.URL), withFallback(w.URL)), "hi"); len(d.Exchanges) != 1 {
				t.Errorf("exchanges %q", reasons(d))
			}
		})
	}
}

func TestWithoutAFallbackTheErrorStands(t *testing.T) {
	w := newWebhook(t, status(http.StatusBadGateway))
	d := send(t, newPhone(t, at(w.URL)), "hi")
	if got := errorsOf(d); !slices.Equal(got, []int{11217}) || len(d.Replies) > 0 || len(d.Exchanges) != 1 {
		t.Errorf("%+v", d)
	}
}

func TestBothErrorsStandWhenTheFallbackFails(t *testing.T) {
	w := newWebhook(t, routes(map[string]http.HandlerFunc{"/sms": status(500), "/sms/fallback": says("sorry")}))
	d := send(t, newPhone(t, at(w.URL), withFallback(w.URL)), "hi")
	if got := errorsOf(d); !slices.Equal(got, []int{11217, 12100}) || len(d.Replies) > 0 {
		t.Errorf("errors %v, replies %q", got, texts(d))
	}
	for i, url := range []string{publicURL, publicURL + "/fallback"} {
		if d.Findings[i].URL != url {
			t.Errorf("finding %d is about %s", i, d.Findings[i].URL)
		}
	}
}

func TestCookiesForTheFallbackAreWarnedOf(t *testing.T) {
	w := newWebhook(t, routes(map[string]http.HandlerFunc{
		"/sms": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Set-Cookie", "a=1")
			if len(r.Header["Cookie"]) == 0 {
				says(empty)(w, r)
				return
			}
			w.WriteHeader(500)
		},
		"/sms/fallback": says(empty),
	}))
	p := newPhone(t, at(w.URL), withFallback(w.URL))
	send(t, p, "hi")
	d := send(t, p, "hi")
	if !warned(d, "cookies to the fallback URL") || !warned(d, "cookies of an answer that it cannot use") {
		t.Errorf("%+v", d.Findings)
	}
	if got := w.requests()[2].header.Get("Cookie"); got != "a=1" {
		t.Errorf("the fallback got the cookies %q", got)
	}
}

func TestRedirectsInTwiMLAreFollowed(t *testing.T) {
	for _, row := range []struct {
		name, verb     string
		method, target string
	}{
		{"to a path", "<Redirect>/next</Redirect>", "POST", "/next"},
		{"to a path beside", "<Redirect>next</Redirect>", "POST", "/next"},
		{"to a query", "<Redirect>/next?step=2</Redirect>", "POST", "/next?step=2"},
		{"to a whole URL below the public one", "<Redirect>https://sms.example.com/next</Redirect>", "POST", "/next"},
		{"with its own connection overrides", "<Redirect>/next#rc=0</Redirect>", "POST", "/next"},
		{"by POST", `<Redirect method="POST">/next</Redirect>`, "POST", "/next"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWebhook(t, routes(map[string]http.HandlerFunc{
				"/sms":  response("<Message>before</Message>" + row.verb),
				"/next": response("<Message>after</Message>"),
			}))
			d := send(t, newPhone(t, at(w.URL)), "hi")
			if got := texts(d); !d.OK() || !slices.Equal(got, []string{"before", "after"}) {
				t.Fatalf("replies %q, findings %+v", got, d.Findings)
			}
			if got := reasons(d); !slices.Equal(got, []phone.Reason{phone.Primary, phone.Verb}) {
				t.Errorf("exchanges %q", got)
			}
			first, second := w.requests()[0], w.requests()[1]
			if second.method != row.method || second.target != row.target || second.body != first.body {
				t.Errorf("%s %s %s", second.method, second.target, second.body)
			}
			if want := "https://sms.example.com" + row.target; d.Exchanges[1].URL != want || !verifies(t, second, want) {
				t.Errorf("the second request is of %s, and its signature holds: %t", d.Exchanges[1].URL, verifies(t, second, want))
			}
		})
	}
}

func TestAGETCarriesTheParametersInItsURL(t *testing.T) {
	w := newWebhook(t, routes(map[string]http.HandlerFunc{
		"/sms":  response(`<Redirect method="GET">/next?step=2</Redirect>`),
		"/next": says(empty),
	}))
	d := send(t, newPhone(t, at(w.URL)), "hi")
	if !d.OK() {
		t.Fatalf("%+v", d.Findings)
	}
	first, second := w.requests()[0], w.requests()[1]
	want := "/next?step=2&" + first.body
	if second.method != "GET" || second.target != want || second.body != "" {
		t.Errorf("%s %s with the body %q", second.method, second.target, second.body)
	}
	if second.header.Get("Content-Type") != "" || second.header.Get("Content-Length") != "" {
		t.Errorf("a GET has %v", second.header)
	}
	if !verifies(t, received{header: second.header}, "https://sms.example.com"+want) {
		t.Error("the signature is not over the whole URL alone")
	}
}

func TestAnActionGoesOnWithItsOwnDocument(t *testing.T) {
	w := newWebhook(t, routes(map[string]http.HandlerFunc{
		"/sms":    response(`<Message action="/action">before</Message><Message>never</Message>`),
		"/action": response("<Message>after</Message>"),
	}))
	d := send(t, newPhone(t, at(w.URL)), "hi")
	if got := texts(d); !d.OK() || !slices.Equal(got, []string{"before", "after"}) || !warned(d, "action") {
		t.Fatalf("replies %q, findings %+v", got, d.Findings)
	}
	if got := reasons(d); !slices.Equal(got, []phone.Reason{phone.Primary, phone.Action}) {
		t.Errorf("exchanges %q", got)
	}
	got := w.requests()[1]
	if got.form.Get("MessageStatus") == "" || !strings.HasPrefix(got.form.Get("MessageSid"), "SM") || got.form.Get("MessageSid") == d.Message.SID {
		t.Errorf("the action got %v", got.form)
	}
	if got.form.Get("From") != to || got.form.Get("To") != from || got.form.Has("Body") || !verifies(t, got, "https://sms.example.com/action") {
		t.Errorf("the action got %v", got.form)
	}
}

func TestTwiMLThatLeadsNowhere(t *testing.T) {
	for name, verb := range map[string]string{
		"a URL of another scheme":      "<Redirect>ftp://a.example/</Redirect>",
		"a URL that cannot be read":    "<Redirect>http://a.example:port/</Redirect>",
		"a bad connection override":    "<Redirect>/next#rc=99</Redirect>",
		"an action that has no scheme": `<Message action="//:80/">x</Message>`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWebhook(t, routes(map[string]http.HandlerFunc{"/sms": response(verb), "/sms/fallback": says(twiml("sorry"))}))
			d := send(t, newPhone(t, at(w.URL), withFallback(w.URL)), "hi")
			if d.OK() {
				t.Errorf("%+v", d)
			}
		})
	}
}

func TestTenRepliesAreTheMostOfAllDocuments(t *testing.T) {
	six := strings.Repeat("<Message>x</Message>", 6)
	w := newWebhook(t, routes(map[string]http.HandlerFunc{
		"/sms":   response(six + "<Redirect>/next</Redirect>"),
		"/next":  response(six + "<Redirect>/third</Redirect>"),
		"/third": response(six),
	}))
	d := send(t, newPhone(t, at(w.URL)), "hi")
	if got := errorsOf(d); len(d.Replies) != 10 || !slices.Equal(got, []int{14109}) {
		t.Errorf("%d replies, errors %v", len(d.Replies), got)
	}
	if len(d.Exchanges) != 3 {
		t.Errorf("%d documents", len(d.Exchanges))
	}
}

func TestFiftyDocumentsAreTheMost(t *testing.T) {
	w := newWebhook(t, response("<Redirect>/sms</Redirect>"))
	d := send(t, newPhone(t, at(w.URL), withFallback(w.URL)), "hi")
	if got := errorsOf(d); len(d.Exchanges) != 50 || !slices.Equal(got, []int{14106}) {
		t.Errorf("%d exchanges, errors %v", len(d.Exchanges), got)
	}
}

func TestADocumentThatLeadsToItselfIsWarnedOfOnce(t *testing.T) {
	w := newWebhook(t, response("<Redirect/>"))
	d := send(t, newPhone(t, at(w.URL)), "hi")
	if len(d.Exchanges) != 50 || len(d.Findings) != 2 || !warned(d, "no URL") {
		t.Errorf("%d exchanges, %d findings, the first %+v", len(d.Exchanges), len(d.Findings), d.Findings[0])
	}
}

func TestALaterDocumentThatFailsGoesToTheFallback(t *testing.T) {
	w := newWebhook(t, routes(map[string]http.HandlerFunc{
		"/sms":          response("<Message>sent</Message><Redirect>/next</Redirect>"),
		"/next":         status(http.StatusGone),
		"/sms/fallback": says(twiml("sorry")),
	}))
	d := send(t, newPhone(t, at(w.URL), withFallback(w.URL)), "hi")
	if got := texts(d); !slices.Equal(got, []string{"sent", "sorry"}) || !warned(d, "later document") {
		t.Errorf("replies %q, findings %+v", got, d.Findings)
	}
	if got := w.requests()[2].form.Get("ErrorUrl"); got != "https://sms.example.com/next" {
		t.Errorf("ErrorUrl %s", got)
	}
}

func TestAForgedMessageIsSignedByNobodyWeKnow(t *testing.T) {
	w := newWebhook(t, says(empty))
	p := newPhone(t, at(w.URL))
	send(t, p, "hi")
	deliver(t, p, phone.Message{Body: "hi", Forged: true})
	for i, want := range []bool{true, false} {
		if got := verifies(t, w.requests()[i], publicURL); got != want {
			t.Errorf("the signature of request %d holds: %t", i+1, got)
		}
	}
}

func TestTheEndOfTheContextEndsAMessage(t *testing.T) {
	arrived := make(chan struct{})
	release := make(chan struct{})
	w := newWebhook(t, func(w http.ResponseWriter, r *http.Request) {
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
		t.Errorf("%+v", d)
	}
	if d.Took >= 15*time.Second {
		t.Errorf("it went on for %s, which is until Twilio's own limit", d.Took)
	}
}

func TestAMessageIsNotSentAfterTheEndOfTheContext(t *testing.T) {
	w := newWebhook(t, says(empty))
	p := newPhone(t, at(w.URL))
	for range 2 { // once without a connection, once with
		if d := p.Send(cancelled(), phone.Message{Body: "hi"}); d.OK() {
			t.Errorf("%+v", d)
		}
		send(t, p, "hi")
	}
	if n := len(w.requests()); n != 2 {
		t.Errorf("%d requests came, want those of the two others", n)
	}
}

func TestADeliveryIsJSON(t *testing.T) {
	w := newWebhook(t, says(empty))
	text, err := json.Marshal(send(t, newPhone(t, at(w.URL), func(o *phone.Options) { o.Trace = false }), "hi"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"body":"hi"`, `"replies":[]`, `"findings":[]`, `"cookie":"none"`, `"reason":"primary"`, `"status":200`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s has no %s", text, want)
		}
	}
	if strings.Contains(string(text), token) {
		t.Error("the token is in it")
	}
}

func TestTheTimesAreThePhones(t *testing.T) {
	w := newWebhook(t, says(empty))
	p := newPhone(t, at(w.URL))
	p.Skip(1000 * time.Hour)
	d := send(t, p, "hi")
	for _, at := range []time.Time{d.Sent, d.Exchanges[0].Sent, p.Now()} {
		if off := time.Until(at) - 1000*time.Hour; off.Abs() > time.Minute {
			t.Errorf("%s, %s off", at, off)
		}
	}
	if d.Took <= 0 || d.Exchanges[0].Took <= 0 || d.Took < d.Exchanges[0].Took {
		t.Errorf("took %s, the exchange %s", d.Took, d.Exchanges[0].Took)
	}
}
