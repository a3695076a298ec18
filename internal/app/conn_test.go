package app

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"smsession/internal/weburl"
)

// writer is a connection whose Write returns a result.
type writer struct {
	net.Conn
	n   int
	err error
}

func (w writer) Write([]byte) (int, error) { return w.n, w.err }

func TestSend(t *testing.T) {
	for _, row := range []struct {
		name   string
		n      int
		isSent bool
	}{
		{"a write that fails at once sends nothing", 0, false},
		{"a write that fails later has sent something", 3, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := conn{Conn: writer{n: row.n, err: syscall.EPIPE}}
			if isSent, err := c.send(post(""), "a=1"); isSent != row.isSent || !errors.Is(err, syscall.EPIPE) {
				t.Errorf("isSent is %t, the error is %v", isSent, err)
			}
		})
	}
}

func post(host string) *http.Request {
	return &http.Request{Method: "POST", URL: &url.URL{Scheme: "http", Host: host, Path: "/"}, Host: "a.example"}
}

// newRawPool returns the pool of the connections to a server that answers every request with the same bytes.
func newRawPool(t *testing.T, start func(*httptest.Server), answer string) *pool {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, b, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		for err == nil {
			io.WriteString(c, answer)
			_, err = http.ReadRequest(b.Reader)
		}
	}))
	s.TLS = &tls.Config{DynamicRecordSizingDisabled: true} // so that TLS reads more than a request asks for
	start(s)
	t.Cleanup(s.Close)
	p := newPool(weburl.Split(s.URL))
	if p.tls != nil {
		p.tls.RootCAs = s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	}
	t.Cleanup(p.close)
	return p
}

// Bytes after an answer must not become the answer to the next message, which another person may have sent.
func TestReuse(t *testing.T) {
	const ok, hello, limit = "HTTP/1.1 200 OK\r\n", "Content-Length: 5\r\n\r\nHello", 9999
	long := strings.Repeat("x", limit+1)
	for _, row := range []struct {
		name, answer, body string
		isReused           bool
	}{
		{"a connection is used again", ok + hello, "Hello", true},
		{"an interim answer is skipped", "HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n" + ok + hello, "Hello", true},
		{"chunks are read to their end", ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nHello\r\n0\r\n\r\n", "Hello", true},
		{"a status below 100 is not interim", "HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n" + ok + hello, "", false},
		{"204 has no body", "HTTP/1.1 204 No Content\r\n\r\n", "", true},
		{"an empty body is not decompressed", ok + "Content-Encoding: gzip\r\nContent-Length: 0\r\n\r\n", "", true},
		{"a second answer is not read", ok + hello + ok + "Content-Length: 4\r\n\r\nEvil", "Hello", false},
		{"a long second answer is not read", ok + hello + ok + "A: " + long, "Hello", false},
		{"a second answer after a long one is not read", ok + "Content-Length: 9999\r\n\r\n" + long, long[1:], false},
		{"a body of 204 is not read", "HTTP/1.1 204 No Content\r\n\r\nHello", "", false},
		{"nobody waits for the rest of a long body", ok + "Content-Length: 99999\r\n\r\n" + long, long, false},
		{"an app may close a connection", ok + "Connection: close\r\n" + hello, "Hello", false},
		{"HTTP 1.0 closes a connection", "HTTP/1.0 200 OK\r\n" + hello, "Hello", false},
	} {
		for scheme, start := range map[string]func(*httptest.Server){
			"http": (*httptest.Server).Start, "https": (*httptest.Server).StartTLS,
		} {
			t.Run(row.name+" with "+scheme, func(t *testing.T) {
				p := newRawPool(t, start, row.answer)
				for i := range 2 {
					got, a := p.attempt(t.Context(), post(p.address), "", limit)
					if a.err == errClosed {
						got, a = p.attempt(t.Context(), post(p.address), "", limit)
					}
					if a.err != nil || string(got.body) != row.body || a.isReused != (row.isReused && i > 0) {
						t.Errorf("the answer is %.20q, the attempt is %+v", got.body, a)
					}
				}
			})
		}
	}
}

// Interim answers without an end must not occupy a slot until the time-out.
func TestInterimAnswers(t *testing.T) {
	p := newRawPool(t, (*httptest.Server).Start, strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", maxHead/20))
	if _, a := p.attempt(t.Context(), post(p.address), "", 10); !a.isSent || !errors.Is(a.err, errTooLong) {
		t.Errorf("the attempt is %+v", a)
	}
}

// An app may refuse a request, and close the connection, before it has read all of it.
func TestEarlyAnswer(t *testing.T) {
	p := newRawPool(t, (*httptest.Server).Start, "HTTP/1.1 413 Too Large\r\nConnection: close\r\n\r\n")
	got, a := p.attempt(t.Context(), post(p.address), strings.Repeat("x\n", 16<<20), 10)
	if got.status != http.StatusRequestEntityTooLarge || !a.isSent {
		t.Errorf("the answer is %d, the attempt is %+v", got.status, a)
	}
}

// fullSocket is a connection whose socket takes nothing more after the TLS handshake, because the app reads nothing.
type fullSocket struct {
	*net.TCPConn
	writes chan struct{} // gets each write that waits; nil during the handshake
	pipe   net.Conn      // nobody reads from its other end
}

func (s *fullSocket) Write(p []byte) (int, error) {
	if s.writes == nil {
		return s.TCPConn.Write(p)
	}
	s.writes <- struct{}{}
	return s.pipe.Write(p)
}

func (s *fullSocket) SetDeadline(at time.Time) error {
	return errors.Join(s.pipe.SetDeadline(at), s.TCPConn.SetDeadline(at))
}

func (s *fullSocket) SetWriteDeadline(at time.Time) error { return s.pipe.SetWriteDeadline(at) }

// newFullPool returns a pool whose idle connection has a fullSocket.
func newFullPool(t *testing.T) (*pool, *fullSocket) {
	p := newRawPool(t, func(s *httptest.Server) {
		s.TLS.SessionTicketsDisabled = true // so that there is nothing to read before the request
		s.StartTLS()
	}, "")
	raw, err := net.Dial("tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { raw.Close() })
	pipe, other := net.Pipe()
	t.Cleanup(func() { other.Close() })
	s := &fullSocket{TCPConn: raw.(*net.TCPConn), pipe: pipe}
	c := &conn{Conn: tls.Client(s, p.tls), socket: s}
	if err := c.Conn.(*tls.Conn).Handshake(); err != nil {
		t.Fatal(err)
	}
	s.writes = make(chan struct{}, 10)
	c.reader = bufio.NewReader(c)
	p.put(c)
	return p, s
}

// TLS waits for up to 5 s to write that a connection is closed. Neither a message nor the pool may wait for this.
func TestFullSocket(t *testing.T) {
	t.Run("an attempt ends with its context", func(t *testing.T) {
		p, s := newFullPool(t)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-s.writes; cancel() }()
		if _, a := p.attempt(ctx, post(p.address), "", 10); a.err == nil || !a.isReused {
			t.Errorf("the attempt is %+v", a)
		}
		if len(s.writes) > 0 {
			t.Error("something was written after the request")
		}
	})
	t.Run("other messages can use the pool", func(t *testing.T) {
		p, s := newFullPool(t)
		done := make(chan struct{})
		go func() { p.drop(p.idle[0]); close(done) }()
		<-s.writes
		if !p.mu.TryLock() {
			t.Error("the pool is locked while a connection is closed")
		} else {
			p.mu.Unlock()
		}
		s.pipe.Close()
		<-done
	})
}
