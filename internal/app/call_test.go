package app_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"smsession/internal/app"
	"smsession/internal/conversation"
	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

// rawServer accepts connections and calls serve with each one and its number, from 1.
func rawServer(t *testing.T, serve func(c net.Conn, number int)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for number := 1; ; number++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serve(c, number)
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

// hello reads a request and answers with a message.
func hello(c net.Conn) bool {
	r, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return false
	}
	io.Copy(io.Discard, r.Body)
	const body = "Hello"
	_, err = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n"+body)
	return err == nil
}

func TestBrokenAnswers(t *testing.T) {
	for _, row := range []struct{ name, answer string }{
		{"no answer", ""},
		{"half a head", "HTTP/1.1 200 OK\r\nContent-Type: text/"},
		{"something else than HTTP", "220 mail.example.com ESMTP\r\n"},
		{"half a body", "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 100\r\n\r\n<Response>"},
		{"half a chunk", "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n<Res"},
		{"a body that is not gzip", "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Encoding: gzip\r\nContent-Length: 11\r\n\r\n<Response/>"},
		{"a control character in a header", "HTTP/1.1 200 OK\r\nX: \x01\r\n\r\n"},
		{"a header over 128 KiB", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 128<<10) + "\r\n\r\n"},
	} {
		t.Run(row.name+" is not tried again", func(t *testing.T) {
			var calls atomic.Int32
			address := rawServer(t, func(c net.Conn, _ int) {
				if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
					io.Copy(io.Discard, r.Body)
					calls.Add(1)
				}
				io.WriteString(c, row.answer)
			})
			k := newKit(t, "http://"+address+"/sms", nil)
			if got := k.fault(t.Context(), t); got != app.Broken || calls.Load() != 1 {
				t.Errorf("the fault is %q after %d calls: %s", got, calls.Load(), k.last().Problem)
			}
		})
	}
}

func TestOddStatus(t *testing.T) {
	for _, row := range []struct{ name, answer string }{
		{"a status counts more than a broken body", "HTTP/1.1 500 Oops\r\nContent-Length: 100\r\n\r\nhalf"},
		{"101 is a fault", "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"},
		{"600 is a fault", "HTTP/1.1 600 Odd\r\nContent-Length: 0\r\n\r\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			address := rawServer(t, func(c net.Conn, _ int) {
				http.ReadRequest(bufio.NewReader(c))
				io.WriteString(c, row.answer)
			})
			for _, k := range []*kit{newKit(t, "http://"+address, nil), newJSONKit(t, "http://"+address, nil)} {
				if got := k.fault(t.Context(), t); got != app.Status {
					t.Errorf("the fault is %q", got)
				}
			}
		})
	}
}

// stuck returns a handler that calls begin, reports that it has been called, and then waits until the test is over.
func stuck(t *testing.T, begin http.HandlerFunc) (handler http.HandlerFunc, called chan struct{}) {
	called = make(chan struct{}, 1)
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	return func(w http.ResponseWriter, r *http.Request) {
		begin(w, r)
		called <- struct{}{}
		<-over
	}, called
}

func TestTimeouts(t *testing.T) {
	nothing := func(http.ResponseWriter, *http.Request) {}
	half := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		io.WriteString(w, "<Response>")
		http.NewResponseController(w).Flush()
	}
	for _, row := range []struct {
		name  string
		begin http.HandlerFunc
	}{
		{"an app that does not answer", nothing}, {"an app that does not finish its answer", half},
	} {
		t.Run(row.name+" is called once", func(t *testing.T) {
			s := newServer(t, nil)
			handler, called := stuck(t, row.begin)
			s.handler = handler
			ctx, cancel := context.WithCancel(t.Context())
			go func() { <-called; cancel() }()
			k := newKit(t, s.URL+"/sms", nil)
			if got := k.fault(ctx, t); got != app.Timeout || len(s.received()) != 1 {
				t.Errorf("the fault is %q after %d calls", got, len(s.received()))
			}
		})
	}
	t.Run("the time-out ends a call", func(t *testing.T) {
		s := newServer(t, nil)
		s.handler, _ = stuck(t, nothing)
		k := newKit(t, s.URL+"/sms", func(o *app.Options) { o.Timeout = 3 * time.Second })
		got := k.fault(t.Context(), t)
		if got != app.Timeout || len(s.received()) != 1 || k.last().Took < 3*time.Second {
			t.Errorf("the fault is %q after %d calls", got, len(s.received()))
		}
	})
}

func TestUnreachable(t *testing.T) {
	s := newServer(t, answers(204, "", ""))
	for _, row := range []struct{ name, address string }{
		{"an app that nobody runs", "http://127.0.0.1:1"},
		{"an app without TLS at https", "https" + strings.TrimPrefix(s.URL, "http")},
	} {
		t.Run(row.name+" is tried until the time is over", func(t *testing.T) {
			k := newKit(t, row.address+"/sms", func(o *app.Options) { o.Timeout = time.Hour })
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go webhooktest.Wait(t, "three tries", func() bool {
				isTried := k.series(t)["smsession_app_retries_total"] >= 3
				if isTried {
					cancel()
				}
				return isTried
			})
			got := k.fault(ctx, t)
			call := k.last()
			if got != app.Unreachable || call.Exchanges[0].Tries < 3 || len(s.received()) > 0 ||
				!strings.Contains(call.Problem, "at "+row.address+": ") {
				t.Errorf("the fault is %q: %+v", got, call)
			}
			if least := (10 + 20) * time.Millisecond; call.Took < least { // the first two pauses, and their jitter
				t.Errorf("%d tries took %s, want at least %s", call.Exchanges[0].Tries, call.Took, least)
			}
		})
	}
}

// An app that restarts costs only a delay.
func TestRestart(t *testing.T) {
	address := fmt.Sprint("127.0.0.1:", redistest.ReservePort(t))
	k := newKit(t, "http://"+address+"/sms", func(o *app.Options) { o.Timeout = time.Minute })
	done := make(chan error)
	go func() {
		_, _, err := k.Respond(t.Context(), conversation.State{}, newMessage("hello"))
		done <- err
	}()
	webhooktest.Wait(t, "a first try", func() bool { return k.series(t)["smsession_app_retries_total"] > 0 })
	s := httptest.NewUnstartedServer(answers(200, "text/plain", "Hello"))
	s.Listener.Close()
	var err error
	if s.Listener, err = net.Listen("tcp", address); err != nil {
		t.Fatal(err)
	}
	s.Start()
	defer s.Close()
	if err := webhooktest.Receive(t, "the answer", done); err != nil {
		t.Errorf("the app failed: %v", err)
	}
}

// deadAfterFirst answers the first request of the first connection and closes this connection when closing is called.
// It counts the requests that it read.
func deadAfterFirst(t *testing.T) (address string, closing chan struct{}, closed chan struct{}) {
	closing, closed = make(chan struct{}), make(chan struct{})
	address = rawServer(t, func(c net.Conn, number int) {
		hello(c)
		if number == 1 {
			<-closing
			c.Close()
			close(closed)
		}
	})
	return address, closing, closed
}

func TestDeadIdleConnection(t *testing.T) {
	address, closing, closed := deadAfterFirst(t)
	k := newKit(t, "http://"+address+"/sms", nil)
	for range 2 {
		_, got := k.respond(t, conversation.State{}, newMessage("hello"))
		if got != response("<Message>Hello</Message>") {
			t.Errorf("the reply is %q", got)
		}
		select {
		case <-closed:
		default:
			close(closing)
			<-closed
		}
	}
}

// breaksSecond answers the first request on its first connection with a document that leads to a GET, then reads the
// second request on this connection and closes it without an answer.
func breaksSecond(t *testing.T, requests *atomic.Int32) string {
	return rawServer(t, func(c net.Conn, number int) {
		reader := bufio.NewReader(c)
		for i := 1; ; i++ {
			r, err := http.ReadRequest(reader)
			if err != nil {
				return
			}
			io.Copy(io.Discard, r.Body)
			requests.Add(1)
			if number == 1 && i == 2 {
				return
			}
			const body = `<Response><Redirect method="GET">/next</Redirect></Response>`
			text := "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 60\r\n\r\n"
			if r.URL.Path != "/next" {
				io.WriteString(c, text+body)
				continue
			}
			io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n")
		}
	})
}

// The app received the GET, so it must not be sent again. net/http would send it again by itself.
func TestGetIsNotReplayed(t *testing.T) {
	var requests atomic.Int32
	k := newKit(t, "http://"+breaksSecond(t, &requests)+"/sms", nil)
	if got := k.fault(t.Context(), t); got != app.Broken || requests.Load() != 2 {
		t.Errorf("the fault is %q after %d requests", got, requests.Load())
	}
}

// The negative control of TestGetIsNotReplayed: without a body, net/http sends a GET again.
func TestNaiveGetIsReplayed(t *testing.T) {
	var requests atomic.Int32
	address := breaksSecond(t, &requests)
	transport := new(http.Transport)
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport}
	for _, path := range []string{"/sms", "/next"} {
		res, err := client.Get("http://" + address + path)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
	}
	if requests.Load() != 3 {
		t.Errorf("net/http sent %d requests, so the test of replays cannot fail", requests.Load())
	}
}
