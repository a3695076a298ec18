package connlimit

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"smsession/internal/webhooktest"
)

// Many clients perform every action of a client at the same time. There are more clients than the limit allows.
func TestConcurrentClients(t *testing.T) {
	const limit, clients, rounds = 4, 16, 50
	limiter := New(limit)
	srv := &http.Server{ReadTimeout: time.Minute, IdleTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c := FromContext(r.Context())
			c.Grow(20 << 10)
			if n := limiter.Stats().Open; n > limit {
				t.Errorf("%d connections are open, want at most %d", n, limit)
			}
			if r.URL.Path == "/signed" {
				c.Signed()
			}
		})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	limited := limiter.Limit(srv, l)
	go func() { served <- srv.Serve(limited) }()

	const request = " HTTP/1.1\r\nHost: x\r\n\r\n"
	var group sync.WaitGroup
	for i := range clients {
		group.Go(func() {
			for n := range rounds {
				c, err := net.Dial("tcp", l.Addr().String())
				if err != nil {
					t.Error(err)
					return
				}
				// Any of these may fail, because the connection may be closed to make room.
				switch (i + n) % 4 {
				case 0:
					_, _ = io.WriteString(c, "GET /signed"+request+"GET /unsigned"+request)
					_, _ = http.ReadResponse(bufio.NewReader(c), nil)
				case 1:
					_, _ = io.WriteString(c, "GET /unsigned"+request)
					_, _ = http.ReadResponse(bufio.NewReader(c), nil)
				case 2:
					_, _ = io.WriteString(c, "GET /unsigned HTTP/1.1\r\nX: ")
				}
				c.Close()
			}
		})
	}
	group.Wait()
	webhooktest.Wait(t, "the end of all connections", func() bool { return limiter.Stats().Open == 0 })
	if n := limiter.Stats().UnverifiedBytes; n != 0 {
		t.Errorf("without connections, the requests take %d bytes", n)
	}
	if err := srv.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	<-served
}

func TestQueues(t *testing.T) {
	limiter, srv := New(10), &http.Server{}
	limiter.Limit(srv, nil)
	a, b := connect(limiter, srv), connect(limiter, srv)
	for range 1000 {
		_, _ = a.Read(make([]byte, 4096))
		srv.ConnState(a, http.StateActive)
		srv.ConnState(a, http.StateIdle)
	}
	if n := limiter.queues[idleUnsigned].Len() - 1; n != 2 {
		t.Errorf("after 1000 requests on a connection, %d connections are idle, want 2", n)
	}
	if limiter.first(idleUnsigned) != b {
		t.Error("the first connection is not the one that has been idle longest")
	}
	_ = b.Close()
	if limiter.first(idleUnsigned) != a {
		t.Error("a closed connection is still in the queue")
	}
}

func connect(limiter *Limiter, srv *http.Server) *Conn {
	c := newConn(endless{}, limiter, srv)
	limiter.add(c)
	return c
}
