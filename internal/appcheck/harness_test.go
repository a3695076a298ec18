package appcheck

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"smsession/internal/config"
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
	return Options{App: app, AuthToken: webhooktest.AuthToken, Version: "v1.2.3"}
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

// hang waits until the request or the test ends.
func hang(r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}
