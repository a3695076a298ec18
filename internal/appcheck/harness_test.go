package appcheck

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"smsession/internal/config"
	"smsession/internal/twilio"
	"smsession/internal/webhooktest"
	"smsession/internal/weburl"
)

// recorder is a View that keeps the results.
type recorder struct {
	results []Result
	summary *Summary
}

func (r *recorder) Scenario(result Result) error { r.results = append(r.results, result); return nil }
func (r *recorder) Summary(s Summary) error      { r.summary = &s; return nil }

// scenario returns the result of one scenario.
func (r *recorder) scenario(t *testing.T, name string) Result {
	t.Helper()
	for _, result := range r.results {
		if result.Name == name {
			return result
		}
	}
	t.Fatalf("%q was not run", name)
	return Result{}
}

// findings returns the findings of all results, one per line, with their scenarios.
func (r *recorder) findings() (text string) {
	for _, result := range r.results {
		for _, m := range result.Messages {
			for _, f := range m.Findings {
				text += fmt.Sprintf("%s, warning %t: %d %s\n", result.Name, f.Warning, f.Code, f.Detail)
			}
		}
	}
	return text
}

// optionsFor returns the options of a check of an app at a URL.
func optionsFor(t *testing.T, appURL string) Options {
	t.Helper()
	u, err := weburl.Parse(appURL)
	if err != nil {
		t.Fatal(err)
	}
	app := config.Defaults().App
	app.URL, app.PublicURL = u, u
	return Options{
		App: app, Token: twilio.Token{Value: webhooktest.AuthToken}, Version: "v1.2.3", slowest: time.Millisecond,
	}
}

// serve runs an app until the end of the test and returns its URL. Requests that hang end with the test.
func serve(t *testing.T, app http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(app)
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	return server.URL + "/bot"
}

// check checks an app that speaks Twilio's protocol.
func check(t *testing.T, app http.HandlerFunc) (*recorder, error) {
	t.Helper()
	return checkWith(t, optionsFor(t, serve(t, app)))
}

func checkWith(t *testing.T, o Options) (*recorder, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	r := new(recorder)
	err := Run(ctx, o, r)
	return r, err
}

// say answers with one text, as TwiML.
func say(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/xml")
	fmt.Fprintf(w, "<Response><Message>%s</Message></Response>", text)
}

// cookieCounter is the tutorial's app: its state is in a cookie.
func cookieCounter(w http.ResponseWriter, r *http.Request) {
	n := 1
	if c, err := r.Cookie("count"); err == nil {
		n, _ = strconv.Atoi(c.Value)
		n++
	}
	http.SetCookie(w, &http.Cookie{Name: "count", Value: strconv.Itoa(n), Path: "/"})
	say(w, webhooktest.Greeting(n))
}

// serverCounter is an app with a session on its side: its cookie is an ID.
type serverCounter struct {
	mu     sync.Mutex
	counts map[string]int
}

func (s *serverCounter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := "s" + strconv.Itoa(len(s.counts))
	if c, err := r.Cookie("sid"); err == nil {
		id = c.Value
	} else {
		http.SetCookie(w, &http.Cookie{Name: "sid", Value: id})
	}
	s.counts[id]++
	say(w, webhooktest.Greeting(s.counts[id]))
}

// ledger counts the requests for each MessageSid and of each account.
type ledger struct {
	app http.HandlerFunc

	mu              sync.Mutex
	calls, accounts map[string]int
}

func (l *ledger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	l.calls[r.PostFormValue("MessageSid")]++
	l.accounts[r.PostFormValue("AccountSid")]++
	l.mu.Unlock()
	l.app(w, r)
}

// verifying is the app, if the request is signed for a URL with a token.
func verifying(token, signed string, app http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(body))
		want := webhooktest.Sign(token, cmp.Or(signed, "http://"+r.Host+r.URL.Path), form)
		if r.Header.Get("X-Twilio-Signature") != want {
			http.Error(w, "Wrong signature.", http.StatusForbidden)
			return
		}
		app(w, r)
	}
}

// hang waits until the request or the test ends.
func hang(r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}
