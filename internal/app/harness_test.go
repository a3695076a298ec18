package app_test

import (
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"smsession/internal/app"
	"smsession/internal/conversation"
	"smsession/internal/twilio"
	"smsession/internal/webhooktest"
	"smsession/internal/weburl"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// request is a request as the app received it.
type request struct {
	method, uri, host, body string
	header                  http.Header
	encodings               []string // of Transfer-Encoding
}

// form returns the parameters of the request.
func (r request) form(t *testing.T) url.Values {
	t.Helper()
	form, err := url.ParseQuery(r.body)
	if err != nil {
		t.Fatal(err)
	}
	return form
}

// server is an app that records its requests.
type server struct {
	*httptest.Server
	handler  http.HandlerFunc
	mu       sync.Mutex
	requests []request
}

func newServer(t testing.TB, handler http.HandlerFunc) *server {
	s := &server{handler: handler}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.requests = append(s.requests, request{r.Method, r.RequestURI, r.Host, string(body), r.Header.Clone(),
			r.TransferEncoding})
		s.mu.Unlock()
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		s.handler(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) received() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]request(nil), s.requests...)
}

// kit is an App and what it reports.
type kit struct {
	*app.App
	registry *prometheus.Registry

	mu    sync.Mutex
	calls []app.Call
}

// last returns the last call that was observed.
func (k *kit) last() app.Call {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.calls[len(k.calls)-1]
}

// newKit returns a Twilio App for the webhook at a URL. change may change its options.
func newKit(t testing.TB, address string, change func(*app.Options)) *kit {
	k := &kit{registry: prometheus.NewRegistry()}
	k.App = app.NewTwilio(k.options(t, address, change))
	t.Cleanup(k.Close)
	return k
}

func (k *kit) options(t testing.TB, address string, change func(*app.Options)) app.Options {
	u, err := weburl.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	o := app.Options{
		URL: u, PublicURL: u, Timeout: 8 * time.Second, Concurrency: 4, Registry: k.registry,
		Observe: func(c app.Call) {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.calls = append(k.calls, c)
		},
	}
	if change != nil {
		change(&o)
	}
	return o
}

func publicURL(text string) func(*app.Options) {
	return func(o *app.Options) { o.PublicURL = weburl.Split(text) }
}

const (
	token      = "b3f1c0de5ca1ab1e0ddba11f00dfaced"
	accountSID = webhooktest.AccountSID
	sid        = "SM00000000000000000000000000000001"
	from       = "+12025550001"
)

// newMessage returns a message as the service passes it on.
func newMessage(body string) conversation.Message {
	sender := webhooktest.Sender{From: from, To: webhooktest.To, AccountSID: webhooktest.AccountSID}
	return conversation.Message{
		SID: sid, From: from, To: webhooktest.To, Body: body, Attempt: 1,
		Webhook: &conversation.Webhook{
			Form:   parsed(sender.Form(sid, body).Encode()),
			Header: http.Header{"User-Agent": {"TwilioProxy/1.1"}, "Accept": {"*/*"}},
			Token:  token,
		},
	}
}

// parsed returns the form with a body, which must be valid.
func parsed(body string) twilio.Form {
	form, err := twilio.ParseForm([]byte(body))
	if err != nil {
		panic(err)
	}
	return form
}

// respond sends a message to the app and returns the state and the TwiML. It fails the test if the app fails.
func (k *kit) respond(t *testing.T, state conversation.State, m conversation.Message) (conversation.State, string) {
	t.Helper()
	after, reply, err := k.Respond(t.Context(), state, m)
	if err != nil {
		t.Fatalf("the app failed: %v: %s", err, k.last().Problem)
	}
	return after, reply.TwiML
}

// fault sends a message and returns the fault.
func (k *kit) fault(ctx context.Context, t *testing.T) conversation.Fault {
	t.Helper()
	before := conversation.State{Counter: 7, Data: []byte(`{"cookies":[{"name":"a","value":"1"}]}`)}
	after, reply, err := k.Respond(ctx, before, newMessage("hello"))
	if err == nil {
		return ""
	}
	failure, isFailure := err.(conversation.Failure)
	if !isFailure {
		t.Fatalf("the error is %v", err)
	}
	if after.Counter != 7 || string(after.Data) != string(before.Data) || !reply.IsEmpty() {
		t.Errorf("the failed call returns %+v, %+v", after, reply)
	}
	call := k.last()
	if call.Err != failure.Fault || !strings.HasSuffix(call.Problem, ".") || string(call.After) != string(before.Data) {
		t.Errorf("the observed call is %+v", call)
	}
	if n := len(call.Exchanges); n > 0 && call.Exchanges[n-1].Status != failure.Status {
		t.Errorf("the error is %v, the last answer has the status %d", err, call.Exchanges[n-1].Status)
	}
	return failure.Fault
}

// answers returns a handler that gives one answer.
func answers(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Content-Type"] = nil
		if contentType != "" {
			w.Header().Set("Content-Type", contentType)
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// pages returns a handler with a document of TwiML for each path. Each document is what is in its Response.
func pages(documents map[string]string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		content, found := documents[r.URL.Path]
		if !found {
			http.NotFound(w, r)
			return
		}
		answers(200, "text/xml", response(content))(w, r)
	}
}

const declaration = `<?xml version="1.0" encoding="UTF-8"?>`

func response(content string) string { return declaration + "<Response>" + content + "</Response>" }

func gzipped(t *testing.T, text string) string {
	t.Helper()
	var b strings.Builder
	w := gzip.NewWriter(&b)
	io.WriteString(w, text)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// series returns the values of all series by their name and label. A histogram has its number of observations.
func (k *kit) series(t *testing.T) map[string]float64 {
	t.Helper()
	families, err := k.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			name := family.GetName()
			for _, label := range m.GetLabel() {
				name += " " + label.GetValue()
			}
			all[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return all
}
