package devphone

import (
	"bytes"
	"io"
	"net/http"
	"sync"
	"time"

	"smsession/internal/twilio"
	"smsession/internal/twiml"
)

// underway counts the deliveries of each MessageSid that the phones of the page are making. It is safe for concurrent
// use.
type underway struct {
	mu   sync.Mutex
	sids map[string]int
}

// add changes the number of deliveries of a MessageSid by n.
func (u *underway) add(sid string, n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.sids == nil {
		u.sids = map[string]int{}
	}
	if u.sids[sid] += n; u.sids[sid] == 0 {
		delete(u.sids, sid)
	}
}

func (u *underway) has(sid string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.sids[sid] > 0
}

// arrival is a request to the webhook, and the beginning of its answer.
type arrival struct {
	*http.Request
	began    time.Time
	lastCall int // the ID of the newest call of the app when the request arrived
	status   int
	header   http.Header // of the answer
	answer   excerptWriter

	mu     sync.Mutex // a transport may read the body in another goroutine, and even after the answer
	body   excerptWriter
	isOver bool // the body has been read to its end, or the request is answered

	// These are set if the message is shown.
	device  *device
	entry   entry
	message twilio.Message
}

// Observe returns a handler that calls next, and shows the messages that others send to the webhook: curl, `smsession
// phone`, another window of a terminal, or Twilio through a tunnel. The page shows such a message in the phone of its
// sender as soon as its request has been read, and the answer when there is one. If there is no such phone, it opens
// one. A request without a valid signature is not shown, so that no stranger can write on the page.
func (p *Page) Observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || p.endpoints[r.URL.Path] == nil {
			next.ServeHTTP(w, r)
			return
		}
		a := &arrival{
			Request: r, began: time.Now(), lastCall: p.calls.last(), status: http.StatusOK, header: w.Header(),
		}
		copied := r.WithContext(r.Context())
		copied.Body = &observedBody{ReadCloser: r.Body, arrival: a, page: p}
		defer p.finish(a)
		next.ServeHTTP(&observedWriter{ResponseWriter: w, arrival: a}, copied)
	})
}

// observedBody copies the body of a request. It calls Page.begin at its end.
type observedBody struct {
	io.ReadCloser
	*arrival
	page *Page
	size int64 // how much has been read
}

// Read also regards the announced length as the end: the service does not ask for the io.EOF after it.
func (b *observedBody) Read(buffer []byte) (int, error) {
	n, err := b.ReadCloser.Read(buffer)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.isOver {
		return n, err
	}
	b.body.Write(buffer[:n])
	b.size += int64(n)
	if err == io.EOF || b.size == b.ContentLength {
		b.isOver = true
		b.page.begin(b.arrival)
	}
	return n, err
}

// observedWriter copies the answer of a request.
type observedWriter struct {
	http.ResponseWriter
	*arrival
	isWriting bool
}

func (w *observedWriter) WriteHeader(status int) {
	w.status, w.isWriting = status, true
	w.ResponseWriter.WriteHeader(status)
}

func (w *observedWriter) Write(b []byte) (int, error) {
	if !w.isWriting {
		w.WriteHeader(http.StatusOK)
	}
	w.answer.Write(b)
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *observedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// excerptWriter keeps the first 64 KiB and a byte of what is written: as much as the service reads, and as Twilio
// reads of an answer.
type excerptWriter struct{ bytes.Buffer }

func (e *excerptWriter) Write(b []byte) (int, error) {
	e.Buffer.Write(b[:min(len(b), twiml.MaxBytes+1-e.Len())])
	return len(b), nil
}
