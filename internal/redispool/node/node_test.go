package node

import (
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/redispool/dial"
)

func TestBreaker(t *testing.T) {
	errBroken := errors.New("broken")
	synctest.Test(t, func(t *testing.T) {
		b := &breaker{}
		b.leave(errBroken, false)
		if err := b.enter(); !errors.Is(err, errBroken) {
			t.Errorf("directly after a failure, a caller gets %v", err)
		}
		time.Sleep(retryPause)
		if err := b.enter(); err != nil {
			t.Fatalf("the first caller after the pause gets %v", err)
		}
		time.Sleep(10 * retryPause)
		if err := b.enter(); !errors.Is(err, errBroken) {
			t.Errorf("while the first caller tries, the next caller gets %v", err)
		}
		b.leave(nil, false)
		if err := b.enter(); err != nil {
			t.Errorf("after the first caller has succeeded, the next caller gets %v", err)
		}
	})
}

// pooled returns a connection to a remote address.
func pooled(t *testing.T, n *Node, peer string) *Conn {
	t.Helper()
	client, server := net.Pipe()
	t.Cleanup(func() { client.Close(); server.Close() })
	return &Conn{wire: &wire{node: n, raw: redis.NewConn(client, 0, 0), peer: peer, expires: time.Now().Add(time.Hour)}}
}

func TestReusable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New("redis.example.com:6379", Options{})
		same, other := pooled(t, n, "10.0.0.1:6379"), pooled(t, n, "10.0.0.2:6379")
		before := time.Now()
		time.Sleep(time.Second)
		n.lose("10.0.0.1:6379", io.EOF)
		time.Sleep(time.Second)
		if Reusable(same, before) == nil {
			t.Error("a connection that was idle during the loss is used again")
		}
		if err := Reusable(same, time.Now()); err != nil {
			t.Errorf("a connection that was used after the loss: %v", err)
		}
		if err := Reusable(other, before); err != nil {
			t.Errorf("a connection to another address of the name: %v", err)
		}
		time.Sleep(2 * time.Hour)
		if Reusable(other, time.Now()) == nil {
			t.Error("a connection is used after its maximum age")
		}
	})
}

func TestRedial(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			io.WriteString(c, "+PONG\r\n")
			defer c.Close()
		}
	}()
	for name, row := range map[string]struct {
		greeting error
		ok       bool
	}{
		"after the server has closed the connection, Dial connects without a greeting": {ErrRedial, true},
		"any other error ends the attempt":                                             {io.EOF, false},
	} {
		t.Run(name, func(t *testing.T) {
			greetings := 0
			n := New(l.Addr().String(), Options{
				Dialer:  &dial.Dialer{},
				Login:   func() Login { return Login{} },
				Timeout: time.Minute,
				Greet:   func(redis.Conn) error { greetings++; return row.greeting },
				Failed:  func(error) {},
			})
			c, err := n.Dial(t.Context())
			if (err == nil) != row.ok || err != nil && !errors.Is(err, row.greeting) || greetings != 1 {
				t.Errorf("after %d greetings the error is %v", greetings, err)
			}
			if err == nil {
				c.Close()
			}
		})
	}
}
