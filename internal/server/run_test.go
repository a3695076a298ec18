package server_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/conversation"
	"smsession/internal/server"
)

const drain = 5 * time.Second

// pipes is a listener without a network, so that time can be made to pass: connections that are idle on both sides wait
// for nothing but the clock.
type pipes struct {
	waiting chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

func newPipes() *pipes {
	return &pipes{waiting: make(chan net.Conn), closed: make(chan struct{})}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.waiting:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	client, srv := net.Pipe()
	select {
	case p.waiting <- srv:
		return client, nil
	case <-p.closed:
		return nil, errors.New("connection refused")
	}
}

// running is a server under Run.
type running struct {
	*replica
	listener *pipes
	client   *http.Client
	stop     context.CancelFunc
	err      chan error
}

// slow answers when the test lets it.
type slow struct {
	conversation.Counter
	begun, goOn chan struct{}
}

func (s slow) Respond(ctx context.Context, state conversation.State, m conversation.Message) (conversation.State, conversation.Reply, error) {
	if m.Body == "slow" {
		s.begun <- struct{}{}
		<-s.goOn
	}
	return s.Counter.Respond(ctx, state, m)
}

// run runs a server over the Redis at addr, "" for none.
func run(t *testing.T, addr string, changes ...func(*settings)) *running {
	t.Helper()
	if addr == "" {
		changes = append(changes, never)
	}
	r := &running{replica: newReplica(t, addr, changes...), listener: newPipes(), err: make(chan error, 1)}
	transport := &http.Transport{DialContext: r.listener.dial}
	r.client = &http.Client{Transport: transport}
	t.Cleanup(transport.CloseIdleConnections)
	ctx, stop := context.WithCancel(t.Context())
	r.stop = stop
	admin := newPipes()
	go func() {
		r.err <- r.Run(ctx, server.Life{Public: r.listener, Admin: admin, DrainDelay: drain, Ping: answers, Refused: noRefusal})
		select {
		case <-admin.closed:
		default:
			t.Error("the second listener was left open")
		}
	}()
	return r
}

// response is what the client got.
type response struct {
	status int
	close  bool
	body   string
	err    error
}

// post sends a message over the listener.
func (r *running) post(body string) response {
	p := message(body)
	req := p.request()
	out, err := http.NewRequest("POST", "http://sms.example.com/sms", strings.NewReader(p.form.Encode()))
	if err != nil {
		return response{err: err}
	}
	out.Header = req.Header
	return r.do(out)
}

func (r *running) do(req *http.Request) response {
	res, err := r.client.Do(req)
	if err != nil {
		return response{err: err}
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return response{res.StatusCode, res.Close, string(b), err}
}

func TestRunDrainsBeforeItCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, "")
		if a := r.post("HELP"); a.status != http.StatusOK || a.close {
			t.Fatalf("before the drain: %+v", a)
		}
		r.stop()
		start := time.Now()
		synctest.Wait()
		// The first of these comes on the connection that was idle.
		for range 4 {
			if a := r.post("HELP"); a.status != http.StatusOK || !a.close {
				t.Errorf("%v into the drain: %+v, want an answer that closes the connection", time.Since(start), a)
			}
			if word, ready := readiness(r.public); word != "draining" || ready {
				t.Errorf("%v into the drain it is %s", time.Since(start), word)
			}
			pass(time.Second)
		}
		if err := <-r.err; err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
		if took := time.Since(start); took < drain || took > drain+time.Second {
			t.Errorf("it took %v, want the drain's %v", took, drain)
		}
		if a := r.post("HELP"); a.err == nil {
			t.Errorf("after the drain: %+v, want the listener closed", a)
		}
	})
}

func readiness(h http.Handler) (word string, ready bool) {
	a := get(h, "/readyz")
	return strings.TrimSpace(a.body), a.status == http.StatusOK
}

func TestRequestsUnderWayFinish(t *testing.T) {
	for _, row := range []struct {
		name string
		wait time.Duration // from the signal to the end of the request
	}{
		{"during the drain", 3 * time.Second},
		{"after the listeners are closed", drain + 3*time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			bubbles(t, func(t *testing.T, addr string) {
				begun, goOn := make(chan struct{}), make(chan struct{})
				r := run(t, addr, withResponder(slow{begun: begun, goOn: goOn}))
				answered := make(chan response, 1)
				go func() { answered <- r.post("slow") }()
				<-begun
				r.stop()
				pass(row.wait)
				close(goOn)
				a := <-answered
				if a.err != nil || a.status != http.StatusOK || !strings.Contains(a.body, tutorial(1)) {
					t.Errorf("the request under way got %+v", a)
				}
				if !a.close {
					t.Error("its connection stays open: a balancer may use it again at the moment it is closed")
				}
				if err := <-r.err; err != nil {
					t.Errorf("Run = %v, want nil", err)
				}
			})
		})
	}
}

// bubbles runs a test over both backends, in bubbles of their own. Redis itself stays outside: while it is waited for,
// the bubble's clock stands still.
func bubbles(t *testing.T, run func(t *testing.T, addr string)) {
	t.Helper()
	each(t, func(t *testing.T, addr string, _ redis.Conn) {
		synctest.Test(t, func(t *testing.T) { run(t, addr) })
	})
}

func TestRunGivesUpOnARequestThatDoesNotEnd(t *testing.T) {
	bubbles(t, func(t *testing.T, addr string) {
		begun, goOn := make(chan struct{}), make(chan struct{})
		r := run(t, addr, withResponder(slow{begun: begun, goOn: goOn}))
		answered := make(chan response, 1)
		go func() { answered <- r.post("slow") }()
		<-begun
		r.stop()
		start := time.Now()
		if err := <-r.err; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Run = %v, want the deadline's error", err)
		}
		if took := time.Since(start); took > drain+18*time.Second {
			t.Errorf("it took %v", took)
		}
		close(goOn)
		if a := <-answered; a.err == nil {
			t.Errorf("the request got %+v", a)
		}
		synctest.Wait() // its handler has come to its end before the pool is closed
	})
}

// Anybody can begin a request in the last moment. It must not look as if the service had failed.
func TestASlowClientDoesNotMakeTheShutdownFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, "")
		r.stop()
		pass(drain - time.Millisecond)
		c := connected(t, r)
		defer c.Close()
		_, err := io.WriteString(c, "POST /sms HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nFrom=")
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.Copy(io.Discard, c) }()
		if err := <-r.err; err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
	})
}

func TestRunEndsWhenAListenerFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, "")
		synctest.Wait()
		start := time.Now()
		r.listener.Close()
		if err := <-r.err; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Run = %v, want the listener's error", err)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestSlowClientsAreCutOff(t *testing.T) {
	const request = 15 * time.Second
	for _, row := range []struct {
		name, sent string
		after      time.Duration
	}{
		{"that send nothing", "", keepAlive},
		{"that send one byte", "P", request},
		{"that do not end their headers", "POST /sms HTTP/1.1\r\nHost: x\r\nX-Slow: ", request},
		{"that do not end their body", "POST /sms HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nFrom=", request},
		{"that stay after an answer", "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", keepAlive},
		{"that send three bytes after an answer", "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET", keepAlive},
		{"that do not end their second request", "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1", request},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := run(t, "")
				c := connected(t, r)
				defer c.Close()
				start := time.Now()
				if _, err := io.WriteString(c, row.sent); err != nil {
					t.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, c)
				if took := time.Since(start); took != row.after {
					t.Errorf("it was cut off after %v, want %v", took, row.after)
				}
				r.stop()
				if err := <-r.err; err != nil {
					t.Errorf("Run = %v, want nil", err)
				}
			})
		})
	}
}

// connected is a connection to a server.
func connected(t *testing.T, r *running) net.Conn {
	t.Helper()
	c, err := r.listener.dial(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// written is the status of the answer to a request that is written out.
func written(t *testing.T, c net.Conn, request string) int {
	t.Helper()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("there is no answer: %v", err)
	}
	res.Body.Close()
	return res.StatusCode
}

// A balancer opens connections in advance, and keeps those that it has not used yet as long as the others.
func TestAConnectionOpenedInAdvanceIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, "")
		c := connected(t, r)
		defer c.Close()
		const half = "GET /healthz HTTP/1.1\r\nHost: "
		for range 2 {
			pass(600 * time.Second) // Google's load balancer, which has the longest fixed keep-alive
			if _, err := io.WriteString(c, half); err != nil {
				t.Fatal(err)
			}
			pass(14 * time.Second) // a request that has begun late gets the full time
			if status := written(t, c, "sms.example.com\r\n\r\n"); status != http.StatusOK {
				t.Errorf("the answer is %d", status)
			}
		}
		r.stop()
		<-r.err
	})
}

func TestHeadersAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, "")
		for size, want := range map[int]int{8 << 10: 200, 64 << 10: 431} {
			req, err := http.NewRequest("GET", "http://sms.example.com/healthz", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("X-Large", strings.Repeat("x", size))
			if a := r.do(req); a.status != want {
				t.Errorf("headers of %d KB get %+v, want %d", size>>10, a, want)
			}
		}
		r.stop()
		<-r.err
	})
}

// net/http answers this one itself, with 200, unless it is told not to.
func TestTheServerItselfAnswersNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, "")
		c := connected(t, r)
		defer c.Close()
		if status := written(t, c, "OPTIONS * HTTP/1.1\r\nHost: sms.example.com\r\n\r\n"); status != http.StatusNotFound {
			t.Errorf("OPTIONS * gets %d, want 404 as any other path", status)
		}
		r.stop()
		<-r.err
	})
}

// Once over real sockets, with nothing made up.
func TestRunOverSockets(t *testing.T) {
	each(t, func(t *testing.T, addr string, _ redis.Conn) {
		r := newReplica(t, addr)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		done := make(chan error, 1)
		go func() {
			done <- r.Run(ctx, server.Life{Public: l, DrainDelay: 10 * time.Millisecond, Ping: answers, Refused: noRefusal})
		}()
		if status := overSocket(t, l.Addr().String(), message("hello")); status != http.StatusOK {
			t.Errorf("got %d, want 200", status)
		}
		stop()
		if err := <-done; err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
		if c, err := dial(l.Addr().String()); err == nil {
			c.Close()
			t.Error("the listener is still open")
		}
	})
}
