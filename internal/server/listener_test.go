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

	"smsession/internal/server"
	"smsession/internal/webhooktest"
)

// pipes is a listener whose connections are in memory, so that it can be used in a bubble of synctest.
type pipes struct {
	waiting chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

func newPipes() *pipes { return &pipes{waiting: make(chan net.Conn), closed: make(chan struct{})} }

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

// running is a replica in Run, in a bubble of synctest.
type running struct {
	*replica
	listener *pipes
	sender   *webhooktest.Sender
	stop     context.CancelFunc
	result   chan error // of Run
}

// run starts a replica on the Redis at addr. If addr is "", the replica has no Redis.
func run(t *testing.T, addr string, changes ...func(*settings)) *running {
	t.Helper()
	if addr == "" {
		changes = append(changes, withoutRedis)
	}
	r := &running{replica: newReplica(t, addr, changes...), listener: newPipes(), result: make(chan error, 1)}
	transport := &http.Transport{DialContext: r.listener.dial}
	t.Cleanup(transport.CloseIdleConnections)
	r.sender = &webhooktest.Sender{From: sender.From, To: sender.To, AccountSID: accountSID, AuthToken: token,
		PublicURL: publicURL,
		Client:    &http.Client{Transport: transport}}
	ctx, stop := context.WithCancel(t.Context())
	r.stop = stop
	admin := newPipes()
	go func() {
		r.result <- r.Run(ctx, server.RunOptions{
			Public: r.listener, Admin: admin, DrainDelay: drain,
			Redis: "redis.example:6379", Ping: answers, Refused: noRefusal,
		})
		select {
		case <-admin.closed:
		default:
			t.Error("the private listener is still open")
		}
	}()
	return r
}

// inBubble runs a test with a replica that has no Redis, and then stops the replica.
func inBubble(t *testing.T, test func(t *testing.T, r *running), changes ...func(*settings)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := run(t, "", changes...)
		test(t, r)
		r.stop()
		if err := <-r.result; err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
	})
}

// post sends a message with this text over a connection that is kept alive.
func (r *running) post(body string) (reply, error) {
	got, err := r.sender.Do(r.sender.Request("http://sms.example.com", "/sms",
		r.sender.Form(webhooktest.NewSID(), body), ""))
	return reply{got}, err
}

// connect returns a new connection to the replica.
func (r *running) connect(t *testing.T) *client {
	t.Helper()
	c, err := r.listener.dial(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	return &client{Conn: c}
}

// client is the client's side of a connection.
type client struct{ net.Conn }

// write sends a text. The replica may close the connection in the meantime.
func (c *client) write(text string) { _, _ = io.WriteString(c, text) }

// ask sends a text, unless it is empty, and returns the status of the answer.
func (c *client) ask(t *testing.T, text string) int {
	t.Helper()
	if text != "" { // an empty write would wait for another write, and stop the clock of a bubble
		c.write(text)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("there is no answer to %.80q: %v", text, err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

// isClosed reports whether the replica has closed the connection. If not, it closes the connection.
func (c *client) isClosed() bool {
	synctest.Wait()
	ended := make(chan struct{})
	go func() {
		_, _ = c.Read(make([]byte, 1))
		close(ended)
	}()
	synctest.Wait()
	select {
	case <-ended:
		return true
	default:
		c.Close()
		return false
	}
}

// connectTCP connects to a real listener.
func connectTCP(t *testing.T, addr string) *client {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &client{Conn: c}
}

// listen runs a replica on a real listener until the test ends, and returns the address.
func listen(t *testing.T, r *replica) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() { result <- r.Run(ctx, server.RunOptions{Public: l, Ping: answers, Refused: noRefusal}) }()
	t.Cleanup(func() {
		stop()
		if err := <-result; err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
	})
	return l.Addr().String()
}

// readiness returns the body of /readyz.
func readiness(h http.Handler) string { return strings.TrimSpace(get(h, "/readyz").Body) }
