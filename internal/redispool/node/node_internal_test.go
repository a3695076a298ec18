package node

import (
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomodule/redigo/redis"
)

var errBroken = errors.New("broken")

func TestOneCallerAtATimeTriesAServerThatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &breaker{}
		b.leave(errBroken, false)
		time.Sleep(retryPause)
		if err := b.enter(); err != nil {
			t.Fatalf("the first one after the pause may not try: %v", err)
		}
		time.Sleep(10 * retryPause)
		if err := b.enter(); !errors.Is(err, errBroken) {
			t.Errorf("while it tries, the next caller gets %v", err)
		}
	})
}

// pooled returns a connection as a node gives it to the pool.
func pooled(t *testing.T, n *Node, peer string) *Conn {
	t.Helper()
	client, server := net.Pipe()
	t.Cleanup(func() { client.Close(); server.Close() })
	return &Conn{node: n, raw: redis.NewConn(client, 0, 0), peer: peer, expires: time.Now().Add(time.Hour)}
}

func TestALossConcernsOnlyOlderConnectionsToTheSameServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &Node{Addr: "redis.example.com:6379"}
		same, other := pooled(t, n, "10.0.0.1:6379"), pooled(t, n, "10.0.0.2:6379")
		before := time.Now()
		time.Sleep(time.Second)
		n.lose("10.0.0.1:6379", io.EOF)
		time.Sleep(time.Second)
		if Reusable(same, before) == nil {
			t.Error("a connection that was idle before the loss is used again")
		}
		if err := Reusable(same, time.Now()); err != nil {
			t.Errorf("a connection that was used since then is not: %v", err)
		}
		if err := Reusable(other, before); err != nil {
			t.Errorf("a connection to another address of the same name is not: %v", err)
		}
	})
}
