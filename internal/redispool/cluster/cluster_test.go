package cluster

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/mna/redisc"

	"smsession/internal/redispool/node"
)

// recordedConn is an idle connection that records whether it was closed.
type recordedConn struct {
	redis.Conn
	closed bool
}

func (c *recordedConn) Do(string, ...any) (any, error) { return nil, nil }
func (c *recordedConn) Err() error                     { return nil }
func (c *recordedConn) Close() error                   { c.closed = true; return nil }

// addNode adds a node with one idle connection.
func addNode(c *Cluster, addr string) *recordedConn {
	conn := &recordedConn{}
	idle := &redis.Pool{MaxIdle: 1, Dial: func() (redis.Conn, error) { return conn, nil }}
	idle.Get().Close()
	c.pools[addr] = pool{Pool: idle}
	return conn
}

// redirecting is a connection to a node that says, after a time, that the other node has the key.
type redirecting struct {
	redis.Conn
	other string
	sent  *int
}

func (c redirecting) Do(name string, _ ...any) (any, error) {
	if name == "" {
		return nil, nil
	}
	*c.sent++
	time.Sleep(800 * time.Millisecond)
	return nil, redis.Error("MOVED 0 " + c.other)
}
func (redirecting) Err() error   { return nil }
func (redirecting) Close() error { return nil }

func TestLimitOfRedirections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		c := &Cluster{limit: time.Second, pools: map[string]pool{}}
		for addr, other := range map[string]string{"a:1": "b:1", "b:1": "a:1"} {
			dial := func() (redis.Conn, error) { return redirecting{other: other, sent: &sent}, nil }
			c.pools[addr] = pool{&redis.Pool{Dial: dial}, node.New(addr, node.Options{})}
		}
		c.layout.Store(&layout{ranges: []slotRange{{0, redisc.HashSlots - 1, "a:1"}},
			members: map[string]bool{"a:1": true, "b:1": true}})
		replies := c.run([]node.Command{{Name: "GET", Args: []any{"key"}}})
		if replies[0].Err == nil || sent != 2 {
			t.Errorf("the command was sent %d times, want 2, and %v", sent, replies[0].Err)
		}
		time.Sleep(refreshPause) // until the refresh in the background has ended
	})
}

func TestClose(t *testing.T) {
	c := &Cluster{pools: map[string]pool{}}
	stays, leaves := addNode(c, "stays:6379"), addNode(c, "leaves:6379")
	c.keepPools(map[string]bool{"stays:6379": true})
	if !leaves.closed || stays.closed {
		t.Errorf("the node that left is closed: %v, the one that stays: %v", leaves.closed, stays.closed)
	}
	c.Close()
	if !stays.closed {
		t.Error("a connection is open after Close")
	}
	if conn := c.pool("late:6379").Get(); conn.Err() == nil {
		t.Error("a command that ends after Close opens a connection")
	}
}
