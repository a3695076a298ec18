package node

import (
	"bytes"
	"net"
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/redispool/dial"
)

// writes counts what goes to the network. A socket's other end cannot: it may read several writes at once.
type writes struct {
	net.Conn
	n int
}

func (w *writes) Write(b []byte) (int, error) {
	w.n++
	return w.Conn.Write(b)
}

// answering returns the client's side of a connection to something that answers every two commands of which the second
// ends with END.
func answering(t *testing.T) *writes {
	t.Helper()
	client, server := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 64<<10)
		for {
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
	return &writes{Conn: client}
}

// pipeline sends two commands of a commit's size, over 4 KB each, and reads the answers.
func pipeline(t *testing.T, c redis.Conn) {
	t.Helper()
	piece := strings.Repeat("x", 6<<10)
	c.Send("SET", "first", piece)
	c.Send("SET", "second", piece+"END")
	if err := c.Flush(); err != nil {
		t.Fatalf("Flush: %v", err)
	}
	for range 2 {
		if _, err := c.Receive(); err != nil {
			t.Fatalf("Receive: %v", err)
		}
	}
}

func TestAPipelineOfMoreThan4KBIsOneWrite(t *testing.T) {
	conn := answering(t)
	c := &Conn{node: &Node{}, raw: redis.NewConn(&socket{Conn: conn}, dial.Timeout, dial.Timeout)}
	c.Run = c.roundTrip
	for n := 1; n <= 3; n++ {
		pipeline(t, c)
		if conn.n != n {
			t.Fatalf("%d pipelines took %d writes, want one each", n, conn.n)
		}
	}
}

// Without ours there are several, so the count tells the two apart.
func TestAPipelineOfMoreThan4KBIsSeveralWritesForRedigo(t *testing.T) {
	conn := answering(t)
	pipeline(t, redis.NewConn(conn, dial.Timeout, dial.Timeout))
	if conn.n < 2 {
		t.Errorf("the pipeline took %d writes, want more than one", conn.n)
	}
}
