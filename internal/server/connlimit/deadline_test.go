package connlimit

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

const (
	readTimeout = 15 * time.Second
	idleTimeout = time.Minute

	request = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx"
)

// network is the server's end of a connection. It counts how often its deadlines are set, and how many reads there are.
type network struct {
	net.Conn
	deadlines, reads atomic.Int64
	hasShared        atomic.Bool // there were two reads at the same time, which share what the client sends
}

func (n *network) Read(b []byte) (int, error) {
	if n.reads.Add(1) > 1 {
		n.hasShared.Store(true)
	}
	defer n.reads.Add(-1)
	return n.Conn.Read(b)
}

func (n *network) SetReadDeadline(t time.Time) error {
	n.deadlines.Add(1)
	return n.Conn.SetReadDeadline(t)
}

func (n *network) SetWriteDeadline(t time.Time) error {
	n.deadlines.Add(1)
	return n.Conn.SetWriteDeadline(t)
}

// single is a listener with one connection.
type single chan net.Conn

func (s single) Accept() (net.Conn, error) {
	c, isOpen := <-s
	if !isOpen {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (s single) Close() error { close(s); return nil }

func (s single) Addr() net.Addr { return &net.TCPAddr{} }

// overOneConnection runs a test in a bubble, with the two ends of a connection to a server with this handler.
func overOneConnection(t *testing.T, handler http.HandlerFunc, test func(t *testing.T, client net.Conn, srv *network)) {
	synctest.Test(t, func(t *testing.T) {
		client, accepted := net.Pipe()
		conn := &network{Conn: accepted}
		listener := make(single, 1)
		listener <- conn
		srv := &http.Server{Handler: handler, ReadTimeout: readTimeout, WriteTimeout: readTimeout,
			IdleTimeout: idleTimeout}
		go func() { _ = srv.Serve(New(1).Limit(srv, listener)) }()
		test(t, client, conn)
		client.Close()
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
		if conn.hasShared.Load() {
			t.Error("two reads have shared what the client sent")
		}
	})
}

// ask sends a request and reads the answer.
func ask(t *testing.T, client net.Conn, answers *bufio.Reader) {
	t.Helper()
	_, _ = io.WriteString(client, request)
	answered(t, answers)
}

// answered reads an answer.
func answered(t *testing.T, answers *bufio.Reader) {
	t.Helper()
	res, err := http.ReadResponse(answers, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	if res.StatusCode != http.StatusOK {
		t.Fatalf("the status is %d", res.StatusCode)
	}
}

func TestDeadlines(t *testing.T) {
	readBody := func(_ http.ResponseWriter, r *http.Request) {
		if body, err := io.ReadAll(r.Body); r.Method != http.MethodPost || string(body) != "x" || err != nil {
			t.Errorf("the handler got %s %q, %v", r.Method, body, err)
		}
		FromContext(r.Context()).Signed()
	}
	t.Run("a message does not set deadlines of the network", func(t *testing.T) {
		const messages = 1000
		handler := func(w http.ResponseWriter, r *http.Request) {
			readBody(w, r)
			synctest.Wait() // until net/http waits for the client to hang up
		}
		overOneConnection(t, handler, func(t *testing.T, client net.Conn, srv *network) {
			answers := bufio.NewReader(client)
			for range messages {
				ask(t, client, answers)
			}
			if n := srv.deadlines.Load(); n > messages/10 {
				t.Errorf("%d messages set %d deadlines", messages, n)
			}
		})
	})
	t.Run("an answer that takes longer than the deadline of an earlier request is not interrupted", func(t *testing.T) {
		slow := func(w http.ResponseWriter, r *http.Request) {
			readBody(w, r)
			select {
			case <-time.After(readTimeout - time.Second):
			case <-r.Context().Done():
				w.WriteHeader(http.StatusTeapot)
			}
		}
		overOneConnection(t, slow, func(t *testing.T, client net.Conn, _ *network) {
			answers := bufio.NewReader(client)
			for range 3 {
				ask(t, client, answers)
				time.Sleep(time.Second) // until the connection is idle
			}
		})
	})
	t.Run("the handler learns that its client hangs up", func(t *testing.T) {
		for _, after := range []time.Duration{0, patience, 3 * patience, readTimeout} {
			var isGone atomic.Bool
			waits := func(w http.ResponseWriter, r *http.Request) {
				readBody(w, r)
				<-r.Context().Done()
				isGone.Store(true)
			}
			overOneConnection(t, waits, func(t *testing.T, client net.Conn, _ *network) {
				_, _ = io.WriteString(client, request)
				time.Sleep(after)
				client.Close()
				time.Sleep(2 * patience)
				synctest.Wait()
				if !isGone.Load() {
					t.Errorf("the handler still waits for a client that was there for %v", after)
				}
			})
		}
	})
	t.Run("requests that arrive during a long answer are answered", func(t *testing.T) {
		slow := func(w http.ResponseWriter, r *http.Request) {
			readBody(w, r)
			time.Sleep(3 * patience)
		}
		overOneConnection(t, slow, func(t *testing.T, client net.Conn, _ *network) {
			answers := bufio.NewReader(client)
			for range 3 {
				go func() {
					_, _ = io.WriteString(client, request+request)
					time.Sleep(2 * patience) // the connection is watched, and the first byte is read
					_, _ = io.WriteString(client, request)
				}()
				for range 3 {
					answered(t, answers)
				}
			}
		})
	})
	t.Run("a write goes on where the deadline of the network interrupted it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			client, accepted := net.Pipe()
			c := newConn(accepted, New(1), &http.Server{})
			_ = c.SetWriteDeadline(time.Now().Add(time.Second))
			_ = c.SetWriteDeadline(time.Now().Add(time.Minute))
			go func() {
				if n, err := io.WriteString(c, "message"); n != len("message") || err != nil {
					t.Errorf("it has written %d bytes, %v", n, err)
				}
				accepted.Close()
			}()
			begin := make([]byte, 4)
			_, _ = io.ReadFull(client, begin)
			time.Sleep(2 * time.Second)
			if rest, err := io.ReadAll(client); string(begin)+string(rest) != "message" {
				t.Errorf("the client got %q and %q, %v", begin, rest, err)
			}
		})
	})
}
