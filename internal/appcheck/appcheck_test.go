package appcheck

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

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
		})
	}
}

func TestSlowApp(t *testing.T) {
	o := optionsFor(t, serve(t, func(_ http.ResponseWriter, r *http.Request) { hang(r) }))
	o.App.Timeout = 200 * time.Millisecond
	r, err := checkWith(t, o)
	if m := r.results[0].Messages[0]; err == nil || m.Calls[0].Fault != "timeout" || m.Findings[0].Code != 11205 {
		t.Errorf("%v, %+v\n%s", err, m.Calls, r.findings())
	}
}

func TestUnreachableApp(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	r, err := checkWith(t, optionsFor(t, server.URL+"/sms?key=S3cr3t"))
	if err == nil || err.Error() != "the app at "+server.URL+" cannot be reached: start it, or check the URL" ||
		len(r.results) > 0 {
		t.Errorf("%v, %+v", err, r.results)
	}
}
