package devphone_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"smsession/internal/webhooktest"
)

// callingBack is an app whose reply has a status callback and an action. Twilio calls both at the app.
func callingBack(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/status":
		if r.FormValue("MessageStatus") == "delivered" && r.FormValue("To") != "" {
			w.WriteHeader(http.StatusTeapot) // the page must show which of the calls has failed
		}
	case "/next":
		say(w, "And this is the action, "+r.FormValue("MessageStatus")+".")
	default:
		answer("text/xml", `<Response><Message action="next" statusCallback="/status">Thanks</Message></Response>`)(w, nil)
	}
}

// showCallbacks shows the status callbacks and the action as requests of the message.
func showCallbacks(_ *service, a *ownApp, w *tab) {
	w.keys("Hello\r")
	w.count(".in", 2)
	w.count("#exchanges > .exchange", 4)
	var got []string
	for _, title := range w.texts("#exchanges > .exchange > summary") {
		title, _, _ = strings.Cut(title, " in ")
		got = append(got, title)
	}
	want := []string{"1. Webhook: 200", "2. Action: 200", "3. Status callback (sent): 200",
		"4. Status callback (delivered): 418"}
	if !slices.Equal(got, want) {
		w.Errorf("the requests are %q", got)
	}
	addresses := strings.Join(w.texts("#exchanges section[aria-label=Request] h3"), "\n")
	for _, path := range []string{"/next", "/status"} {
		if !strings.Contains(addresses, "POST http://"+a.addr+path) {
			w.Errorf("the addresses are %s", addresses)
		}
	}
	if got := w.texts(".log .finding"); len(got) != 1 || !strings.Contains(got[0], "418") {
		w.Errorf("the failed callback is shown as %q", got)
	}
	w.resize(390, 844)
	w.fits("with callbacks,", 390)
}

// read waits until the page has read the session and its record n more times.
func (w *tab) read(n int) {
	w.Helper()
	const reads = `performance.getEntriesByType('resource').filter((e) => e.name.includes('/dev/session')).length`
	before := value[int](w, reads)
	w.until(fmt.Sprint(reads, " >= ", before+n))
}

// gated returns an app whose calls wait until release, if waits is true for them.
func gated(app http.HandlerFunc, waits func(*http.Request) bool) http.HandlerFunc {
	released := make(chan struct{})
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/release" {
			close(released)
			return
		}
		if waits(r) {
			<-released
		}
		app(w, r)
	}
}

// release ends the waiting of a gated app.
func (a *ownApp) release(w *tab) {
	w.Helper()
	res, err := http.Get("http://" + a.addr + "/release")
	if err != nil {
		w.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	res.Body.Close()
}

func always(*http.Request) bool { return true }

func hasState(r *http.Request) bool { return r.Header.Get("Cookie") != "" }

func atLast(w http.ResponseWriter, _ *http.Request) { say(w, "At last.") }

// elsewhereUnderway shows a message from elsewhere while the app has not answered it.
func elsewhereUnderway(s *service, a *ownApp, w *tab) {
	sender := s.sender(from)
	sent := make(chan error, 1)
	go func() {
		reply, err := sender.Do(sender.Request(s.url, "/sms", sender.Form(webhooktest.NewSID(), "From a shell"), ""))
		if err == nil && reply.Status != 200 {
			err = fmt.Errorf("the status is %d", reply.Status)
		}
		sent <- err
	}()
	w.until(`document.querySelector('.elsewhere .status')?.textContent.endsWith(' · sending…')`)
	if got := w.texts(".elsewhere .bubble"); !slices.Equal(got, []string{"You: From a shell"}) {
		w.Errorf("the messages are %q", got)
	}
	a.release(w)
	w.until(`document.querySelector('.elsewhere button.status')?.textContent.includes('from elsewhere')`)
	if got := w.texts(".elsewhere .bubble"); !slices.Equal(got, []string{"You: From a shell", "Reply: At last."}) {
		w.Errorf("the messages are %q", got)
	}
	if err := <-sent; err != nil {
		w.Error(err)
	}
	w.until(`document.querySelector('#state').textContent === 'live'`)
	w.read(3)
	if got := w.texts("#notice")[0]; got != "" {
		w.Errorf("the notice is %q", got)
	}
}
