package appcheck

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"smsession/internal/webhooktest"
	"smsession/internal/weburl"
)

// The texts are those of Twilio's tutorial.
func TestGoodApp(t *testing.T) {
	t.Parallel()
	l := &ledger{app: cookieCounter, calls: map[string]int{}, accounts: map[string]int{}}
	r, err := check(t, l.ServeHTTP)
	if err != nil {
		t.Fatalf("%v\n%s", err, r.findings())
	}
	if s := *r.summary; !s.OK || s.Failed+s.Warned+s.NotRun > 0 || s.SafeToCallAgain != SafeYes ||
		s.Scenarios != len(scenarios()) {
		t.Errorf("the summary is %+v\n%s", s, r.findings())
	}
	for name, want := range map[string]string{
		"first message":          "1",
		"second message":         "1 2",
		"the same message again": "1 1",
		"two at once":            "1 2 3",
		"a picture":              "1 2",
		"WhatsApp":               "1 2",
		"emoji":                  "1",
		"1,600 characters":       "1",
		"STOP":                   "1 - 1",
		"a lost cookie":          "1 2",
		"a foreign cookie":       "1 1 2",
		"a slow network":         "1",
		// twice the second message after a crash, and each time a third one
		"called again after a crash": "1 2 2 3 2 3",
	} {
		if got := counts(r.scenario(t, name)); got != want {
			t.Errorf("%s: the senders see %s, want %s", name, got, want)
		}
	}
	again := r.scenario(t, "called again after a crash").Messages[1].delivery.Message.SID
	for sid, calls := range l.calls {
		if calls != 1 && sid != again {
			t.Errorf("the app was called %d times for one message", calls)
		}
	}
	if len(l.accounts) != 1 {
		t.Errorf("the messages come from the accounts %v", l.accounts)
	}
	if l.calls[again] != 3 {
		t.Errorf("the app was called %d times for the message of the crash, want 3", l.calls[again])
	}
}

// counts returns the tutorial's numbers that the senders of a scenario saw, in order of their size for messages that
// were sent at once, and - for no reply.
func counts(r Result) string {
	var seen []string
	for _, m := range r.Messages {
		number := "-"
		for n := range 9 {
			if len(m.Replies) == 1 && m.Replies[0].Body == webhooktest.Greeting(n+1) {
				number = fmt.Sprint(n + 1)
			}
		}
		seen = append(seen, number)
	}
	if r.Name == "two at once" && seen[0] > seen[1] {
		seen[0], seen[1] = seen[1], seen[0]
	}
	return strings.Join(seen, " ")
}

func TestAppWithoutState(t *testing.T) {
	t.Parallel()
	r, err := check(t, func(w http.ResponseWriter, r *http.Request) { say(w, "Our shop is open.") })
	if err != nil || r.summary.Failed > 0 || r.summary.SafeToCallAgain != SafeUntested {
		t.Errorf("%v, %+v\n%s", err, r.summary, r.findings())
	}
}

// The apps take orders, and answer all other texts alike.
func TestTexts(t *testing.T) {
	const help = "Send an order."
	orders := new(serverCounter)
	orders.counts = map[string]int{}
	counting := func(count http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if body := r.FormValue("Body"); body != "order 2 pizza" {
				say(w, help)
				return
			}
			count(w, r)
		}
	}
	for _, row := range []struct {
		name  string
		app   http.HandlerFunc
		texts []string
		want  Safe
	}{
		{"nothing is known of an app that answers alike", orders.ServeHTTP, nil, SafeUntested},
		{"a text shows that an app keeps its orders", orders.ServeHTTP, []string{"order 2 pizza"}, SafeNo},
		{"a text shows that an app is safe", cookieCounter, []string{"order 2 pizza", "status"}, SafeYes},
		{"texts that are all answered alike show nothing", cookieCounter, []string{"status", "hello"}, SafeUntested},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			o := optionsFor(t, serve(t, counting(row.app)))
			o.Texts = row.texts
			r, err := checkWith(t, o)
			if err != nil || r.summary.SafeToCallAgain != row.want {
				t.Errorf("%v, %+v\n%s", err, r.summary, r.findings())
			}
		})
	}
}

// TestUnusualTexts checks apps whose texts must not look changed.
func TestUnusualTexts(t *testing.T) {
	for contentType, answer := range map[string]string{
		"text/plain": " line 1\r\nline 2 & <b> ñ 👩🏽‍💻 ]]>",
		"text/html": "<Response><Message><Body> a &#13;\r\n<![CDATA[<b>]]> &amp; &#x1F469;</Body>" +
			"<Media>/owl.png</Media></Message><Message>b</Message></Response>",
	} {
		t.Run(contentType, func(t *testing.T) {
			t.Parallel()
			r, err := check(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", contentType)
				fmt.Fprint(w, answer)
			})
			if err != nil {
				t.Errorf("%v\n%s", err, r.findings())
			}
		})
	}
}

func TestSilentApp(t *testing.T) {
	t.Parallel()
	r, err := check(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) })
	if err != nil || r.summary.Failed > 0 || r.summary.Warned != 1 || r.results[0].Messages[0].Seen != Nothing ||
		!strings.Contains(r.findings(), "first message, warning true: 0 The app sends no reply") {
		t.Errorf("%v, %+v\n%s", err, r.summary, r.findings())
	}
}

// TestOtherServer checks an app whose TwiML leads to a server that the check must not call.
func TestOtherServer(t *testing.T) {
	t.Parallel()
	other := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the other server was called") })
	r, err := check(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		fmt.Fprintf(w, "<Response><Redirect>%s</Redirect></Response>",
			strings.Replace(other, "127.0.0.1", "localhost", 1))
	})
	if err != nil || r.summary.Failed > 0 || !strings.Contains(r.findings(), "leads to another server") {
		t.Errorf("%v, %+v\n%s", err, r.summary, r.findings())
	}
}

// TestOwnState checks an app that must not be called twice. That is a warning, because the service calls it once as
// long as nothing crashes.
func TestOwnState(t *testing.T) {
	t.Parallel()
	r, err := check(t, (&serverCounter{counts: map[string]int{}}).ServeHTTP)
	if err != nil || r.summary.SafeToCallAgain != SafeNo || r.summary.Failed != 0 || r.summary.Warned != 1 {
		t.Fatalf("%v, %+v\n%s", err, r.summary, r.findings())
	}
	if got := counts(r.scenario(t, "two at once")); got != "1 2 3" {
		t.Errorf("two at once see %s", got)
	}
}

// TestLastSIDApp checks an app that remembers only the last MessageSid, so that a second call at once looks safe.
func TestLastSIDApp(t *testing.T) {
	t.Parallel()
	s := serverCounter{counts: map[string]int{}}
	var last, answer string
	r, err := check(t, func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		isRepeat := r.PostFormValue("MessageSid") == last
		s.mu.Unlock()
		if isRepeat {
			fmt.Fprint(w, answer)
			return
		}
		recorded := httptest.NewRecorder()
		s.ServeHTTP(recorded, r)
		last, answer = r.PostFormValue("MessageSid"), recorded.Body.String()
		for _, line := range recorded.Header().Values("Set-Cookie") {
			w.Header().Add("Set-Cookie", line)
		}
		w.Header().Set("Content-Type", "text/xml")
		fmt.Fprint(w, answer)
	})
	if err != nil || r.summary.SafeToCallAgain != SafeNo {
		t.Errorf("%v, %+v\n%s", err, r.summary, r.findings())
	}
}

// TestChangingAnswers checks an app that answers each request in another way. A resend must not show it.
func TestChangingAnswers(t *testing.T) {
	t.Parallel()
	r, err := check(t, func(w http.ResponseWriter, r *http.Request) { say(w, webhooktest.NewSID()) })
	if err != nil || !r.scenario(t, "the same message again").OK || r.summary.SafeToCallAgain != SafeNo {
		t.Errorf("%v, %+v\n%s", err, r.summary, r.findings())
	}
}

func TestFaultyApps(t *testing.T) {
	twiml := func(answer string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/xml")
			fmt.Fprint(w, answer)
		}
	}
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "/other")
			w.WriteHeader(code)
			fmt.Fprint(w, "<h1>Oops</h1>")
		}
	}
	// The numbers are those of https://www.twilio.com/docs/api/errors.
	for _, row := range []struct {
		name  string
		app   http.HandlerFunc
		fault string
		code  int
	}{
		{"it answers 500", status(500), "status", 11217},
		{"it answers 404", status(404), "status", 11217},
		{"it redirects with 308", status(308), "redirect", 11216},
		{"it sends no Content-Type", func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Content-Type"] = nil
			fmt.Fprint(w, "<Response/>")
		}, "no_content_type", 11200},
		{"it sends JSON", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, "{}")
		}, "content_type", 12300},
		{"it sends XML that is not well-formed", twiml("<Response><Message>a & b</Message></Response>"), "not_twiml", 12100},
		{"it sends XML that is not TwiML", twiml("<html/>"), "not_twiml", 12102},
		{"it sends too much", twiml("<Response><!--" + strings.Repeat("a", 70_000) + "--></Response>"), "too_large", 11750},
		{"it sets a cookie of 5 KiB", func(w http.ResponseWriter, r *http.Request) {
			http.SetCookie(w, &http.Cookie{Name: "a", Value: strings.Repeat("a", 5<<10)})
			say(w, "hi")
		}, "cookies", 0},
		{"it closes the connection", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "broken", 11206},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r, err := check(t, row.app)
			m := r.results[0].Messages[0]
			if err == nil || r.summary.OK || r.summary.NotRun != len(scenarios())-1 || m.Calls[0].Fault != row.fault ||
				m.Findings[0].Code != row.code || m.Findings[0].Warning || m.Seen != Apology {
				t.Errorf("%v, %+v, %+v\n%s", err, r.summary, m.Calls, r.findings())
			}
			if f := m.Findings[0]; f.Name != "" && strings.Contains(f.Detail, f.Name) {
				t.Errorf("the name of the error is shown twice: %+v", f)
			}
		})
	}
}

func TestSlowApp(t *testing.T) {
	t.Parallel()
	o := optionsFor(t, serve(t, func(_ http.ResponseWriter, r *http.Request) { hang(r) }))
	o.App.Timeout = 200 * time.Millisecond
	r, err := checkWith(t, o)
	if m := r.results[0].Messages[0]; err == nil || m.Calls[0].Fault != "timeout" || m.Findings[0].Code != 11205 {
		t.Errorf("%v, %+v\n%s", err, m.Calls, r.findings())
	}
}

// TestFaultInOneScenario checks apps that fail only under one of the conditions.
func TestFaultInOneScenario(t *testing.T) {
	failIf := func(isBad func(r *http.Request) bool) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if isBad(r) {
				http.Error(w, "Oops", http.StatusInternalServerError)
				return
			}
			cookieCounter(w, r)
		}
	}
	for _, row := range []struct {
		scenario string
		isBad    func(r *http.Request) bool
	}{
		{"a picture", func(r *http.Request) bool { return r.PostFormValue("Body") == "" }},
		{"WhatsApp", func(r *http.Request) bool { return strings.HasPrefix(r.PostFormValue("From"), "whatsapp:") }},
		{"emoji", func(r *http.Request) bool { return strings.Contains(r.PostFormValue("Body"), "日") }},
		{"1,600 characters", func(r *http.Request) bool { return len(r.PostFormValue("Body")) > 255 }},
		{"STOP", func(r *http.Request) bool { return r.PostFormValue("Body") == "STOP" }},
	} {
		t.Run(row.scenario, func(t *testing.T) {
			t.Parallel()
			r, err := check(t, failIf(row.isBad))
			if err == nil || r.summary.Failed != 1 || r.scenario(t, row.scenario).OK ||
				strings.Contains(r.findings(), "did not get the state") {
				t.Errorf("%v, %+v\n%s", err, r.summary, r.findings())
			}
		})
	}
	t.Run("an echo of 1,600 characters is too long for Twilio", func(t *testing.T) {
		t.Parallel()
		r, err := check(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			fmt.Fprint(w, "You said: "+r.PostFormValue("Body"))
		})
		if err == nil || r.summary.Failed != 1 ||
			!strings.Contains(r.findings(), "1,600 characters, warning false: 14103") {
			t.Errorf("%v, %+v\n%s", err, r.summary, r.findings())
		}
	})
}

func TestSignatures(t *testing.T) {
	const token, public = "0123456789abcdef0123456789abcdef", "https://bot.example.com/hook"
	t.Run("an app that verifies the URL of the request", func(t *testing.T) {
		t.Parallel()
		if r, err := check(t, verifying(webhooktest.AuthToken, "", cookieCounter)); err != nil {
			t.Errorf("%v\n%s", err, r.findings())
		}
	})
	t.Run("an app that verifies its public URL", func(t *testing.T) {
		t.Parallel()
		o := optionsFor(t, serve(t, verifying(token, public, cookieCounter)))
		o.App.PublicURL, o.Token.Value = weburl.Split(public), token
		if r, err := checkWith(t, o); err != nil {
			t.Errorf("%v\n%s", err, r.findings())
		}
	})
	t.Run("an app that refuses the signature is explained", func(t *testing.T) {
		t.Parallel()
		r, err := check(t, verifying(token, "", cookieCounter))
		if text := r.findings(); err == nil || !strings.Contains(text, "called as http://127.0.0.1:") ||
			!strings.Contains(text, "set APP_PUBLIC_URL") || r.summary.NotRun == 0 {
			t.Errorf("%v\n%s", err, text)
		}
	})
	t.Run("a random token is explained", func(t *testing.T) {
		o := optionsFor(t, serve(t, verifying(token, "", cookieCounter))+"?key=S3cr3t")
		o.Token.Value = ""
		r, _ := checkWith(t, o)
		const want = "a random token, because --auth-token (TWILIO_AUTH_TOKEN) is not set"
		if text := r.findings(); !strings.Contains(text, want) ||
			strings.Contains(text, "S3cr3t") {
			t.Error(text)
		}
	})
}

func TestUnreachableApp(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for name, app := range map[string]string{
		"nothing listens":              gone.URL,
		"the app does not speak TLS":   strings.Replace(serve(t, cookieCounter), "http:", "https:", 1),
		"the certificate is not known": startTLS(t).URL,
	} {
		t.Run(name, func(t *testing.T) {
			r, err := checkWith(t, optionsFor(t, app+"?key=S3cr3t"))
			if err == nil || !strings.Contains(err.Error(), " cannot be reached: start it, or check the URL: ") ||
				strings.Contains(err.Error(), "S3cr3t") || len(r.results) > 0 {
				t.Errorf("%v, %+v", err, r.results)
			}
		})
	}
}

func startTLS(t *testing.T) *httptest.Server {
	server := httptest.NewUnstartedServer(http.HandlerFunc(cookieCounter))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func TestInterrupt(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) { interrupt(); hang(r) })
	r := new(recorder)
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, optionsFor(t, url), r) }()
	err := webhooktest.Receive(t, "the end of the check", ended)
	if !errors.Is(err, context.Canceled) || len(r.results) > 0 {
		t.Errorf("%v, %+v", err, r.results)
	}
}
