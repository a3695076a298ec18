package phone_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"smsession/internal/cookies"
	"smsession/internal/phone"
	"smsession/internal/twilio"
)

const (
	from  = "+12025550143"
	to    = "+15005550006"
	token = "b3f1c0de5ca1ab1e0ddba11f00dfaced" // the account's auth token

	accountSID = "AC0123456789abcdef0123456789abcdef"
	publicURL  = "https://sms.example.com/sms"

	empty = `<?xml version="1.0" encoding="UTF-8"?><Response/>`
)

func twiml(texts ...string) string {
	return `<?xml version="1.0" encoding="UTF-8"?><Response><Message>` +
		strings.Join(texts, "</Message><Message>") + `</Message></Response>`
}

// newPhone returns a phone that texts an endpoint. Its connections are closed when the test ends.
func newPhone(tb testing.TB, webhook phone.Endpoint, changes ...func(*phone.Options)) *phone.Phone {
	tb.Helper()
	o := phone.Options{
		From:       from,
		To:         to,
		AuthToken:  token,
		AccountSID: accountSID,
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

// at is the webhook that Twilio knows by publicURL, at a server of the test.
func at(server string) phone.Endpoint {
	return phone.Endpoint{URL: publicURL, Address: server + "/sms"}
}

func withFallback(server string) func(*phone.Options) {
	return func(o *phone.Options) {
		o.Fallback = phone.Endpoint{URL: publicURL + "/fallback", Address: server + "/sms/fallback"}
	}
}

func withJar(jar cookies.Options) func(*phone.Options) {
	return func(o *phone.Options) { o.Jar = jar }
}

func send(tb testing.TB, p *phone.Phone, body string) *phone.Delivery {
	tb.Helper()
	return deliver(tb, p, phone.Message{Body: body})
}

func deliver(tb testing.TB, p *phone.Phone, m phone.Message) *phone.Delivery {
	tb.Helper()
	return p.Send(tb.Context(), m)
}

// received is a request as the webhook got it.
type received struct {
	method, target string
	header         http.Header
	host           string
	body           string
	form           url.Values
}

// webhook is a server that records what it is sent.
type webhook struct {
	*httptest.Server

	mu   sync.Mutex
	seen []received
}

// newWebhook answers with a handler. The request's body has been read, and its form parsed.
func newWebhook(tb testing.TB, handler http.HandlerFunc) *webhook {
	tb.Helper()
	w := &webhook{}
	w.Server = httptest.NewServer(w.recording(tb, handler))
	tb.Cleanup(w.Close)
	return w
}

// recording notes each request before it is handled.
func (w *webhook) recording(tb testing.TB, handler http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			tb.Errorf("the request's body: %v", err)
		}
		r.Form, err = url.ParseQuery(string(body))
		if err != nil {
			tb.Errorf("the request's form: %v", err)
		}
		w.mu.Lock()
		w.seen = append(w.seen, received{
			method: r.Method,
			target: r.RequestURI,
			header: r.Header.Clone(),
			host:   r.Host,
			body:   string(body),
			form:   r.Form,
		})
		w.mu.Unlock()
		handler(rw, r)
	})
}

func (w *webhook) requests() []received {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen
}

// only returns the one request that came.
func (w *webhook) only(tb testing.TB) received {
	tb.Helper()
	all := w.requests()
	if len(all) != 1 {
		tb.Fatalf("%d requests came, want 1", len(all))
	}
	return all[0]
}

// says answers with TwiML.
func says(document string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		io.WriteString(w, document)
	}
}

// answering returns a server that writes the same bytes to every request, and closes the connection.
func answering(tb testing.TB, response string) string {
	tb.Helper()
	return "http://" + newRaw(tb, func(c net.Conn, _ int) {
		readRequest(tb, c)
		io.WriteString(c, response)
	})
}

// newRaw listens, and handles each connection in turn, the first being number 1. It returns its address.
func newRaw(tb testing.TB, handle func(c net.Conn, number int)) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	var open sync.WaitGroup
	open.Go(func() {
		for n := 1; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				defer c.Close()
				handle(c, n)
			})
		}
	})
	tb.Cleanup(func() {
		l.Close()
		open.Wait()
	})
	return l.Addr().String()
}

// readRequest reads one request off a connection, and returns its bytes.
func readRequest(tb testing.TB, c net.Conn) string {
	tb.Helper()
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

// whole is a response that a connection can go on after.
func whole(document string, headers ...string) string {
	head := "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n"
	for _, h := range headers {
		head += h + "\r\n"
	}
	return fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head, len(document), document)
}

// errorsOf are the numbers of a delivery's errors, without its warnings.
func errorsOf(d *phone.Delivery) []int {
	var codes []int
	for _, f := range d.Findings {
		if !f.Warning {
			codes = append(codes, f.Code)
		}
	}
	return codes
}

// warned reports whether a warning has the words in it.
func warned(d *phone.Delivery, words string) bool {
	for _, f := range d.Findings {
		if f.Warning && strings.Contains(f.Detail, words) {
			return true
		}
	}
	return false
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

// cancelled is a context that has ended.
func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// drip writes an endless head, a byte at a time, until it is stopped or nobody listens any more.
func drip(c net.Conn, stop <-chan struct{}) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			if _, err := c.Write([]byte("H")); err != nil {
				return
			}
		}
	}
}

// verifies reports whether a request is signed for a URL, as the service's own check sees it.
func verifies(tb testing.TB, r received, signed string) bool {
	tb.Helper()
	form, err := twilio.ParseForm([]byte(r.body))
	if err != nil {
		tb.Fatal(err)
	}
	address, query := signed, ""
	if mark := strings.IndexByte(signed, '?'); mark >= 0 {
		address, query = signed[:mark], signed[mark:]
	}
	_, ok := twilio.NewVerifier(address, []twilio.Token{{Value: token}}).Verify(r.header.Get("X-Twilio-Signature"), query, form)
	return ok
}

// quiet is a log for servers whose clients break off.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }
