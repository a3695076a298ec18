package phone_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"smsession/internal/phone"
)

// tracked returns a handler whose reply has a statusCallback, and which sets a cookie.
func tracked(reference string) http.HandlerFunc {
	return sets("a=1", verbs(`<Message statusCallback="`+reference+`">hi</Message>`))
}

func TestStatusCallback(t *testing.T) {
	w := newWebhook(t, routes(map[string]http.HandlerFunc{"/sms": tracked("status?x=1"), "/status": status(204)}))
	p := newPhone(t, at(w.URL))
	d := send(t, p, "hi")
	want := []phone.Reason{phone.Primary, phone.StatusCallback, phone.StatusCallback}
	if got := reasons(d); !slices.Equal(got, want) || len(d.Findings) > 0 {
		t.Fatalf("the exchanges are %q, the findings %+v", got, d.Findings)
	}
	// The parameters are those of the example in https://www.twilio.com/docs/messaging/guides/track-outbound-message-status
	// and of captured requests, which also have To and ApiVersion.
	for i, want := range []string{"sent", "delivered"} {
		r := w.requests()[i+1]
		common := url.Values{"MessageSid": {d.Replies[0].SID}, "SmsSid": {d.Replies[0].SID}, "MessageStatus": {want},
			"SmsStatus": {want}, "AccountSid": {r.form.Get("AccountSid")}, "From": {to}, "To": {from},
			"ApiVersion": {"2010-04-01"}}
		if done := r.form.Get("RawDlrDoneDate"); want == "delivered" {
			common.Set("RawDlrDoneDate", done)
			if at, err := time.Parse("0601021504", done); err != nil || time.Since(at) > 2*time.Minute {
				t.Errorf("RawDlrDoneDate is %q", done)
			}
		}
		if r.form.Encode() != common.Encode() || r.method != http.MethodPost || r.target != "/status?x=1" ||
			!r.isSigned("https://sms.example.com/status?x=1") || r.header.Get("Cookie") != "" {
			t.Errorf("callback %d is %+v, want %v", i+1, r, common)
		}
	}
	if d.Cookie != phone.CookieNew || len(p.Cookies()) != 1 {
		t.Errorf("the cookie is %s", d.Cookie)
	}
}

func TestStatusCallbackStatus(t *testing.T) {
	for _, row := range []struct {
		name     string
		change   func(*phone.Options)
		body     string
		statuses []string
		also     map[string]string
	}{
		{"a refused reply has failed", withOptOut(""), "STOP", []string{"failed"}, map[string]string{"ErrorCode": "21610"}},
		{"a channel is named", between("whatsapp:"+from, "whatsapp:"+to), "hi", []string{"sent", "delivered"},
			map[string]string{"ChannelPrefix": "whatsapp"}},
		{"a Messaging Service is named", func(o *phone.Options) { o.MessagingServiceSID = "MG0" }, "hi",
			[]string{"sent", "delivered"}, map[string]string{"MessagingServiceSid": "MG0"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWebhook(t, routes(map[string]http.HandlerFunc{"/sms": tracked("/status"), "/status": status(200)}))
			send(t, newPhone(t, at(w.URL), row.change), row.body)
			var statuses []string
			for _, r := range w.requests()[1:] {
				statuses = append(statuses, r.form.Get("MessageStatus"))
				for name, value := range row.also {
					if r.form.Get(name) != value {
						t.Errorf("%s is %q, want %q", name, r.form.Get(name), value)
					}
				}
			}
			if !slices.Equal(statuses, row.statuses) {
				t.Errorf("the statuses are %q, want %q", statuses, row.statuses)
			}
		})
	}
}

func TestStatusCallbackFails(t *testing.T) {
	elsewhere := newWebhook(t, status(200))
	for _, row := range []struct {
		name, reference string
		callback        http.HandlerFunc
		errors          []int
		warning         string
	}{
		{"an error is reported, and the reply is sent", "/status", status(404), []int{11217, 11217}, ""},
		{"text is not TwiML, and need not be", "/status", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("OK")) }, nil, ""},
		{"the phone does not call another server", elsewhere.URL + "/status", status(200), nil, "at another server"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWebhook(t, routes(map[string]http.HandlerFunc{"/sms": tracked(row.reference),
				"/status": row.callback, "/sms/fallback": responds(twiml("sorry"))}))
			d := send(t, newPhone(t, at(w.URL), withFallback(w.URL)), "hi")
			if !slices.Equal(texts(d), []string{"hi"}) || !slices.Equal(errorsOf(d), row.errors) ||
				d.NotFollowed != "" {
				t.Errorf("the delivery is %+v", d)
			}
			if row.warning != "" && !isWarned(d, row.warning) {
				t.Errorf("the findings are %+v", d.Findings)
			}
		})
	}
	if len(elsewhere.requests()) > 0 {
		t.Error("the other server got a request")
	}
	t.Run("another server is called if Follow allows it", func(t *testing.T) {
		w := newWebhook(t, tracked(elsewhere.URL+"/status"))
		d := send(t, newPhone(t, at(w.URL), followAll), "hi")
		got := elsewhere.requests()
		if len(d.Findings) > 0 || len(got) != 2 || !got[0].isSigned(elsewhere.URL+"/status") {
			t.Errorf("the findings are %+v, the requests %+v", d.Findings, got)
		}
	})
	t.Run("a callback that redirects is followed without cookies", func(t *testing.T) {
		w := newWebhook(t, routes(map[string]http.HandlerFunc{"/sms": tracked("/status"),
			"/status": redirects(307, "/there"), "/there": status(204)}))
		d := send(t, newPhone(t, at(w.URL)), "hi")
		if last := w.last(); !d.OK() || last.target != "/there" || last.form.Get("MessageStatus") != "delivered" ||
			last.header.Get("Cookie") != "" {
			t.Errorf("the last request is %+v, the findings are %+v", last, d.Findings)
		}
	})
}

// Twilio gives the action the status of the message, and continues with the action's document.
func TestActionOfRefusedReply(t *testing.T) {
	w := newWebhook(t, routes(map[string]http.HandlerFunc{"/sms": verbs(`<Message action="/next">hi</Message>`),
		"/next": responds(empty)}))
	for body, want := range map[string]string{"hi": "queued", "STOP": "failed"} {
		d := send(t, newPhone(t, at(w.URL)), body)
		if got := w.last().form; got.Get("MessageStatus") != want ||
			got.Get("MessageSid") != d.Replies[len(d.Replies)-1].SID {
			t.Errorf("the action of the reply to %s gets %v", body, got)
		}
	}
}

func TestExcerpt(t *testing.T) {
	long := strings.Repeat("x", 250)
	for _, row := range []struct {
		name, body string
		want       []string
		isCut      bool
	}{
		{"all lines of a short body", "<h1>Oops</h1>\r\n\r\n  at line 3\n", []string{"<h1>Oops</h1>", "  at line 3"}, false},
		{"ten lines of a longer body", strings.Repeat("a\n", 11), strings.Fields(strings.Repeat("a ", 10)), true},
		{"ten lines are not cut", strings.Repeat("a\n", 10) + "\n", strings.Fields(strings.Repeat("a ", 10)), false},
		{"the beginning of a long line", long, []string{long[:200]}, true},
		{"bytes that are not UTF-8", "\xff", []string{"\ufffd"}, false},
		{"no line of an empty body", "", nil, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWebhook(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusInternalServerError)
				w.Write([]byte(row.body))
			})
			e := send(t, newPhone(t, at(w.URL), func(o *phone.Options) { o.Trace = false }), "hi").Exchanges[0]
			if !slices.Equal(e.Excerpt, row.want) || e.ExcerptIsCut != row.isCut || e.ResponseBody != "" {
				t.Errorf("the excerpt is %q, cut: %t", e.Excerpt, e.ExcerptIsCut)
			}
		})
	}
	t.Run("a page that is no TwiML has one", func(t *testing.T) {
		w := newWebhook(t, responds("<html>Welcome</html>"))
		d := send(t, newPhone(t, at(w.URL)), "hi")
		if e := d.Exchanges[0]; !slices.Equal(e.Excerpt, []string{"<html>Welcome</html>"}) ||
			!slices.Equal(errorsOf(d), []int{12102}) {
			t.Errorf("the exchange is %+v", e)
		}
	})
	t.Run("a failed callback has one", func(t *testing.T) {
		w := newWebhook(t, routes(map[string]http.HandlerFunc{"/sms": tracked("/status"),
			"/status": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no such route", 404) }}))
		d := send(t, newPhone(t, at(w.URL)), "hi")
		if e := d.Exchanges[1]; !slices.Equal(e.Excerpt, []string{"no such route"}) {
			t.Errorf("the exchange is %+v", e)
		}
	})
	t.Run("a good response has none", func(t *testing.T) {
		w := newWebhook(t, responds(twiml("hi")))
		if e := send(t, newPhone(t, at(w.URL)), "hi").Exchanges[0]; e.Excerpt != nil {
			t.Errorf("the excerpt is %q", e.Excerpt)
		}
	})
}
