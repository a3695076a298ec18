package phone_test

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"smsession/internal/phone"
	"smsession/internal/webhooktest"
)

const (
	from      = "+12025550143"
	to        = webhooktest.To
	token     = webhooktest.AuthToken
	publicURL = webhooktest.PublicURL + "/sms"

	empty = `<?xml version="1.0" encoding="UTF-8"?><Response/>`
)

// twiml returns a document with messages.
func twiml(texts ...string) string {
	return `<?xml version="1.0" encoding="UTF-8"?><Response><Message>` +
		strings.Join(texts, "</Message><Message>") + `</Message></Response>`
}

// newPhone returns a phone that calls an endpoint. Its connections are closed when the test ends.
func newPhone(tb testing.TB, webhook phone.Endpoint, changes ...func(*phone.Options)) *phone.Phone {
	tb.Helper()
	o := phone.Options{
		From:       from,
		To:         to,
		AuthToken:  token,
		AccountSID: webhooktest.AccountSID,
		Webhook:    webhook,
		Network:    new(phone.Network),
		Trace:      true,
	}
	for _, change := range changes {
		change(&o)
	}
	tb.Cleanup(o.Network.Close)
	p, err := phone.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// at returns the webhook with the public URL publicURL, at the address of a test server.
func at(server string) phone.Endpoint { return withOverrides(server, "") }

// withOverrides returns the same webhook with connection overrides.
func withOverrides(server, fragment string) phone.Endpoint {
	return phone.Endpoint{URL: publicURL + fragment, Address: server + "/sms"}
}

func withFallback(server string) func(*phone.Options) {
	return func(o *phone.Options) {
		o.Fallback = phone.Endpoint{URL: publicURL + "/fallback", Address: server + "/sms/fallback"}
	}
}

func between(from, to string) func(*phone.Options) {
	return func(o *phone.Options) { o.From, o.To = from, to }
}

func keepConnections(o *phone.Options) { o.Network.KeepIdleConnections() }

// followAll allows a phone to follow redirects to every server.
func followAll(o *phone.Options) { o.Follow = func(string) bool { return true } }

func send(tb testing.TB, p *phone.Phone, body string) *phone.Delivery {
	tb.Helper()
	return p.Send(tb.Context(), phone.Message{Body: body})
}

// received is a request that the webhook received.
type received struct {
	method, target, host string
	header               http.Header
	body                 string
	form                 url.Values
}

// isSigned reports whether the request is signed for a URL.
func (r received) isSigned(url string) bool {
	return r.header.Get("X-Twilio-Signature") == webhooktest.Sign(token, url, r.form)
}

// webhook is a server that records its requests.
type webhook struct {
	*httptest.Server

	mu   sync.Mutex
	seen []received
}

// newWebhook returns a server with a handler. It sets Request.Form to the form in the body before it calls the handler.
func newWebhook(tb testing.TB, handler http.HandlerFunc) *webhook {
	tb.Helper()
	w := &webhook{}
	w.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			tb.Errorf("read the body of a request: %v", err)
		}
		if r.Form, err = url.ParseQuery(string(body)); err != nil {
			tb.Errorf("parse the form of a request: %v", err)
		}
		w.mu.Lock()
		w.seen = append(w.seen, received{r.Method, r.RequestURI, r.Host, r.Header.Clone(), string(body), r.Form})
		w.mu.Unlock()
		handler(rw, r)
	}))
	tb.Cleanup(w.Close)
	return w
}

func (w *webhook) requests() []received {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.seen)
}

// only returns the request that came. The test fails if there is not exactly one.
func (w *webhook) only(tb testing.TB) received {
	tb.Helper()
	all := w.requests()
	if len(all) != 1 {
		tb.Fatalf("%d requests came, want 1", len(all))
	}
	return all[0]
}

// last returns the last request that came.
func (w *webhook) last() received {
	all := w.requests()
	return all[len(all)-1]
}

// routes returns a handler that chooses another handler by the path. It answers other paths with 404.
func routes(handlers map[string]http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		handler, found := handlers[r.URL.Path]
		if !found {
			handler = status(http.StatusNotFound)
		}
		handler(w, r)
	}
}

// responds returns a handler that answers with a document.
func responds(document string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		io.WriteString(w, document)
	}
}

// verbs returns a handler that answers with a Response that has some verbs.
func verbs(verbs string) http.HandlerFunc { return responds("<Response>" + verbs + "</Response>") }

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// redirects returns a handler that answers with a redirect.
func redirects(code int, location string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if location != "" {
			w.Header().Set("Location", location)
		}
		w.WriteHeader(code)
	}
}

// sets returns a handler that sets a cookie before another handler answers.
func sets(cookie string, then http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Set-Cookie", cookie)
		then(w, r)
	}
}

// newRaw starts a TCP server that handles each connection in its own goroutine. It returns the URL of the server.
func newRaw(tb testing.TB, handle func(net.Conn)) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				defer c.Close()
				handle(c)
			})
		}
	})
	tb.Cleanup(func() {
		l.Close()
		open.Wait()
	})
	return "http://" + l.Addr().String()
}

// writing starts a server that writes the same bytes after every request and closes the connection. It returns the URL.
func writing(tb testing.TB, response string) string {
	tb.Helper()
	return newRaw(tb, func(c net.Conn) {
		readRequest(c)
		io.WriteString(c, response)
	})
}

// unused returns the URL of a port on which nothing listens.
func unused(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

// readRequest reads the bytes of one request from a connection. It returns fewer bytes if the connection ends.
func readRequest(c net.Conn) string {
	var all []byte
	buffer := make([]byte, 64<<10)
	for {
		n, err := c.Read(buffer)
		all = append(all, buffer[:n]...)
		head, body, found := strings.Cut(string(all), "\r\n\r\n")
		var length int
		if i := strings.Index(head, "Content-Length: "); i >= 0 {
			fmt.Sscanf(head[i:], "Content-Length: %d", &length)
		}
		if found && len(body) >= length || err != nil {
			return string(all)
		}
	}
}

// complete returns a response after which the connection can be used again.
func complete(document string, headers ...string) string {
	head := "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n"
	for _, h := range headers {
		head += h + "\r\n"
	}
	return fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head, len(document), document)
}

// errorsOf returns the numbers of a delivery's errors, without its warnings.
func errorsOf(d *phone.Delivery) []int {
	var codes []int
	for _, f := range d.Findings {
		if !f.Warning {
			codes = append(codes, f.Code)
		}
	}
	return codes
}

// isWarned reports whether a delivery has a warning that contains some words.
func isWarned(d *phone.Delivery, words string) bool {
	return slices.ContainsFunc(d.Findings, func(f phone.Finding) bool {
		return f.Warning && strings.Contains(f.Detail, words)
	})
}

func texts(d *phone.Delivery) []string {
	var all []string
	for _, r := range d.Replies {
		all = append(all, r.Body)
	}
	return all
}

func reasons(d *phone.Delivery) []phone.Reason {
	var all []phone.Reason
	for _, e := range d.Exchanges {
		all = append(all, e.Reason)
	}
	return all
}

// cancelled returns a context that has ended.
func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// quiet returns a logger that discards the log of a server whose clients close connections early.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// sender returns the address of the sender in a row of a table.
func sender(address string) string { return cmp.Or(address, from) }
