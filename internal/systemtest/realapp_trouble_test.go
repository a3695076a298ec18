package systemtest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

// appTroubles are what an app does instead of answering, by the fault that it is.
var appTroubles = map[string]func(g *gate) http.HandlerFunc{
	"status": func(g *gate) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			g.app.ServeHTTP(httptest.NewRecorder(), r) // the app has counted the message
			http.Error(w, "Internal Server Error", http.StatusInternalServerError)
		}
	},
	"not_twiml": func(*gate) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			io.WriteString(w, "<!DOCTYPE html><title>Error</title><p>Something went wrong")
		}
	},
	"broken": func(g *gate) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			g.app.ServeHTTP(w, r)
		}
	},
	"timeout": func(g *gate) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			g.app.ServeHTTP(httptest.NewRecorder(), r)
			<-r.Context().Done() // the service has hung up
		}
	},
	"cookies": func(g *gate) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Set-Cookie", "a=\tb")
			g.app.ServeHTTP(w, r)
		}
	},
}

// faults returns how many calls of a fleet had a fault.
func (f *fleet) faults(word string) (total float64) {
	for _, r := range f.replicas {
		total += sum(scrape(f.tb, r), "smsession_app_faults_total", "fault", word)
	}
	return total
}

// checkAnswered waits until every conversation has further replies. It then checks that the messages that were answered
// were counted once each, and that no other message has changed a conversation.
func (l *traffic) checkAnswered(t *testing.T, f *fleet) {
	t.Helper()
	l.waitForReplies()
	l.finish()
	for _, c := range l.conversations {
		failed := func(r reply) bool { return r.Status == http.StatusServiceUnavailable }
		c.replies = slices.DeleteFunc(c.replies, failed)
		c.replies = append(c.replies, c.deliver(f.next(), "/sms", webhooktest.NewSID(), ""))
	}
	l.check(t, f)
}

// TestAppInTrouble lets an app fail in several ways, and kills it, while three replicas get messages for a minute. A
// failed call does not change a session, although the app may have changed its cookie.
func TestAppInTrouble(t *testing.T) {
	t.Parallel()
	const loadTime = time.Minute
	app := startApp(t, "Flask")
	g := startGate(t, app.url)
	f := startFleet(t, redistest.Start(t, redistest.Options{}), "APP_URL="+g.url, "APP_TIMEOUT=1s")
	began, l := time.Now(), startTraffic(t, func(s *sender, sid, cookie string) reply {
		time.Sleep(time.Second) // the load is bounded, because other tests run at the same time
		return s.deliver(f.next(), "/sms", sid, cookie)
	})
	l.waitForReplies()
	suffer := func(word string, begin, end func()) {
		before := f.faults(word)
		begin()
		webhooktest.Wait(t, "faults: "+word, func() bool { return f.faults(word) >= before+conversations })
		end()
		l.waitForReplies()
	}
	for time.Since(began) < loadTime {
		for word, mode := range appTroubles {
			suffer(word, func() { g.set(mode(g)) }, func() { g.set(g.app.ServeHTTP) })
		}
		var addr string
		suffer("unreachable", func() { app.kill(); addr = g.close() }, func() { app.start(t); g.open(t, addr) })
	}
	l.checkAnswered(t, f)
}
