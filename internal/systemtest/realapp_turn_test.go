package systemtest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	neturl "net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

// TestReplicaDiesDuringCall kills a replica after the app has processed a message. Twilio then sends the message to
// another replica.
func TestReplicaDiesDuringCall(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, app string
		second    int // the number in the reply to the message
	}{
		{"an app with its state in a cookie counts the message once", "Flask", 2},
		{"an app with its own state gets the same MessageSid again", "express-session", 3},
	} {
		t.Run(row.name, func(t *testing.T) {
			app, server := startApp(t, row.app), redistest.Start(t, redistest.Options{})
			g := startGate(t, app.url)
			f := startFleet(t, server, "APP_URL="+g.url)
			s, sid := newSender(t), webhooktest.NewSID()
			first := s.deliver(f.replicas[0].url, "/sms", webhooktest.NewSID(), "")
			held, release := g.hold(t)
			lost := make(chan reply, 1)
			go func() { lost <- s.deliver(f.replicas[0].url, "/sms", sid, first.Cookie) }()
			await(t, held)
			f.replicas[0].kill()
			g.set(g.app.ServeHTTP)
			release()
			if r := webhooktest.Receive(t, "the failure", lost); r.Status != 0 {
				t.Errorf("a killed replica answers %q", r.Text())
			}
			replies := []reply{first, s.deliver(f.replicas[1].url, "/sms/fallback", sid, first.Cookie),
				s.deliver(f.replicas[2].url, "/sms", webhooktest.NewSID(), first.Cookie)}
			for i, want := range []int{1, row.second, row.second + 1} {
				if replies[i].Text() != webhooktest.Greeting(want) {
					t.Errorf("message %d gets %q", i+1, replies[i].Text())
				}
			}
			if calls := app.calls(); calls[sid] != 2 || len(calls) != 3 {
				t.Errorf("the calls are %v", calls)
			}
		})
	}
}

// TestFallbackDuringCall sends a message to the fallback URL while the app still answers the first delivery. Twilio has
// given up on the first delivery, or still waits for it.
func TestFallbackDuringCall(t *testing.T) {
	t.Parallel()
	for _, hangsUp := range []bool{true, false} {
		t.Run(fmt.Sprintf("the app is called once; the first client hangs up: %v", hangsUp), func(t *testing.T) {
			app, server := startApp(t, "express-session"), redistest.Start(t, redistest.Options{})
			g := startGate(t, app.url)
			f := startFleet(t, server, "APP_URL="+g.url)
			s, sid := newSender(t), webhooktest.NewSID()
			held, release := g.hold(t)
			ctx, hangUp := context.WithCancel(t.Context())
			defer hangUp()
			go s.Client.Do(s.Request(f.replicas[0].url, "/sms", s.Form(sid, "hello"), "").WithContext(ctx))
			await(t, held)
			if hangsUp {
				hangUp()
			}
			fallback := make(chan reply, 1)
			go func() { fallback <- s.deliver(f.replicas[1].url, "/sms/fallback", sid, "") }()
			waitForMetric(t, f.replicas[1], "smsession_messages_in_progress", 1)
			release()
			got := webhooktest.Receive(t, "the reply of the fallback URL", fallback)
			repeat := s.deliver(f.replicas[2].url, "/sms", sid, "")
			if got.Text() != webhooktest.Greeting(1) || got.Body != repeat.Body {
				t.Errorf("the fallback URL answers %q, the repeat gets %q", got.Body, repeat.Body)
			}
			if n := app.calls()[sid]; n != 1 {
				t.Errorf("the app was called %d times", n)
			}
		})
	}
}

// slowness is how long the app of overlaps takes for a call at least.
const slowness = 50 * time.Millisecond

// overlaps sends three messages of one conversation to each of two replicas. The app begins to answer when all of them
// have arrived. overlaps returns how many calls were in progress at most, and the bodies of the messages in the order
// of the calls.
func overlaps(t *testing.T, settings func(*redistest.Server)) (most int, bodies []string) {
	t.Helper()
	app, server := startApp(t, "cookie-session"), redistest.Start(t, redistest.Options{})
	settings(server)
	g := startGate(t, app.url)
	f := startFleet(t, server, "APP_URL="+g.url, "REQUEST_BUDGET=12s", "APP_TIMEOUT=11s")
	var mu sync.Mutex
	inProgress, open := 0, make(chan struct{})
	g.set(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		bodies = append(bodies, bodyOf(r))
		inProgress++
		most = max(most, inProgress)
		mu.Unlock()
		<-open
		time.Sleep(slowness) // a stimulus: another replica may call the app in the meantime
		g.app.ServeHTTP(w, r)
		mu.Lock()
		inProgress--
		mu.Unlock()
	})
	s, replies := newSender(t), make(chan reply, 6)
	for i := range 3 {
		for n, r := range f.replicas[:2] {
			form := s.Form(webhooktest.NewSID(), fmt.Sprintf("%d to %d", i, n))
			go func() {
				got, _ := s.Do(s.Request(r.url, "/sms", form, ""))
				replies <- got
			}()
			waitForMetric(t, r, "smsession_messages_in_progress", float64(i+1))
		}
	}
	close(open)
	var all []reply
	for range cap(replies) {
		all = append(all, webhooktest.Receive(t, "a reply", replies))
	}
	report(t, checkCounts(all, 1, len(all)))
	mu.Lock()
	defer mu.Unlock()
	return most, bodies
}

// bodyOf returns the text of the message that a call of an app contains. The call can still be forwarded.
func bodyOf(r *http.Request) string {
	form, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(form))
	values, _ := neturl.ParseQuery(string(form))
	return values.Get("Body")
}

func TestAppCallsTakeTurns(t *testing.T) {
	t.Parallel()
	most, bodies := overlaps(t, func(*redistest.Server) {})
	if most != 1 || len(bodies) != 6 {
		t.Errorf("%d calls were in progress at once; the calls are %q", most, bodies)
	}
	for n := range 2 {
		of := slices.DeleteFunc(slices.Clone(bodies), func(body string) bool {
			return !strings.HasSuffix(body, fmt.Sprint("to ", n))
		})
		if !slices.IsSorted(of) {
			t.Errorf("the messages arrived in another order than that of the calls: %q", of)
		}
	}
	t.Run("without turns, calls overlap", func(t *testing.T) {
		if most, bodies := overlaps(t, func(s *redistest.Server) { takeTurnsAway(t, s) }); most < 2 {
			t.Errorf("%d calls were in progress at once; the calls are %q", most, bodies)
		}
	})
}
