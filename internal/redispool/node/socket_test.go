package node

import (
	"bytes"
	"net"
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/redispool/dial"
)

// countingConn counts the writes to the network. The other end of a socket cannot count them, because it may read
// several writes at once.
type countingConn struct {
	net.Conn
	writes int
	gate   chan struct{} // if it is not nil, each write waits until it is closed
}

func (c *countingConn) Write(b []byte) (int, error) {
	c.writes++
	if c.gate != nil {
		<-c.gate
	}
	return c.Conn.Write(b)
}

// connectPipe returns the client's side of a connection to a server that answers two commands when the second one ends
// with END.
func connectPipe(t *testing.T) *countingConn {
	t.Helper()
	client, server := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for buf := make([]byte, 64<<10); ; {
			n, err := server.Read(buf)
			if err != nil {
				return
			}
			if bytes.HasSuffix(buf[:n], []byte("END\r\n")) {
				_, _ = server.Write([]byte("+OK\r\n+OK\r\n"))
			}
		}
	}()
	t.Cleanup(func() {
		client.Close()
		server.Close()
		<-done
	})
	return &countingConn{Conn: client}
}

// sendTwo sends two commands as large as those of a commit, more than 4 KB each, and reads the replies.
func sendTwo(t *testing.T, c redis.Conn) {
	t.Helper()
	large := strings.Repeat("x", 6<<10)
	c.Send("SET", "first", large)
	c.Send("SET", "second", large+"END")
	if err := c.Flush(); err != nil {
		t.Fatalf("Flush: %v", err)
	}
	for range 2 {
		if _, err := c.Receive(); err != nil {
			t.Fatalf("Receive: %v", err)
		}
	}
}

func TestSocket(t *testing.T) {
	t.Run("a large pipeline is one write", func(t *testing.T) {
		network := connectPipe(t)
		s := &socket{Conn: network, timeout: dial.Timeout}
		c := &Conn{wire: &wire{node: &Node{}, raw: redis.NewConn(s, 0, 0)}}
		c.Run = c.roundTrip
		for n := 1; n <= 3; n++ {
			sendTwo(t, c)
			if network.writes != n {
				t.Fatalf("%d pipelines took %d writes", n, network.writes)
			}
		}
	})
	t.Run("without a socket, redigo needs several writes", func(t *testing.T) { // the negative control
		network := connectPipe(t)
		sendTwo(t, redis.NewConn(network, dial.Timeout, dial.Timeout))
		if network.writes < 2 {
			t.Errorf("the pipeline took %d writes", network.writes)
		}
	})
}
