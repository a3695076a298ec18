package app_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"smsession/internal/app"
	"smsession/internal/conversation"
)

const flaskCookie = "session=eyJzdGVwIjozfQ.Z0f1tw.m2Yd3yJ0B1hB6Ck0d9d0U0uS1hI"

// benchmarkServer starts an app that answers as Flask does, with its state in a cookie.
func benchmarkServer(b *testing.B) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header()["Set-Cookie"] = []string{flaskCookie + "; HttpOnly; Path=/"}
		w.Header()["Content-Type"] = []string{"text/html; charset=utf-8"}
		io.WriteString(w, response("<Message>Hello, thanks for message number 2</Message>"))
	}))
	b.Cleanup(s.Close)
	return s.URL
}

// BenchmarkRespond measures a message. Half of the time belongs to the app, which runs in the same process.
func BenchmarkRespond(b *testing.B) {
	k := &kit{registry: prometheus.NewRegistry()}
	a := app.NewTwilio(k.options(b, benchmarkServer(b)+"/sms", func(o *app.Options) { o.Observe = nil }))
	defer a.Close()
	m := newMessage("hello")
	var state conversation.State
	b.ReportAllocs()
	for b.Loop() {
		after, reply, err := a.Respond(b.Context(), state, m)
		if err != nil || reply.TwiML == "" {
			b.Fatal(reply, err)
		}
		state = after
	}
}

// BenchmarkReverseProxy measures the least that a service in front of an app does.
func BenchmarkReverseProxy(b *testing.B) {
	target, err := url.Parse(benchmarkServer(b))
	if err != nil {
		b.Fatal(err)
	}
	transport := &http.Transport{DisableCompression: true}
	defer transport.CloseIdleConnections()
	proxy := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	body := newMessage("hello").Webhook.Form.Encoded()
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest("POST", "/sms", strings.NewReader(body))
		r.Header["Content-Type"] = []string{"application/x-www-form-urlencoded"}
		r.Header["Cookie"] = []string{flaskCookie}
		w := httptest.NewRecorder()
		if proxy.ServeHTTP(w, r); w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
}
