package cluster

import (
	"testing"

	"github.com/gomodule/redigo/redis"
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
	pool := &redis.Pool{MaxIdle: 1, Dial: func() (redis.Conn, error) { return conn, nil }}
	pool.Get().Close()
	c.pools[addr] = pool
	return conn
}

func TestClose(t *testing.T) {
	c := &Cluster{pools: map[string]*redis.Pool{}}
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
