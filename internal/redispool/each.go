package redispool

import (
	"context"

	"github.com/gomodule/redigo/redis"
)

// EachPrimary calls f with a connection to each server that takes writes: the one Redis, the one primary, or every primary
// of a Cluster that has slots. addr is "" where there is but one. It holds none of the pool's places. A connection is f's
// until f returns; f's first error ends the round and is returned.
//
// Keys of a slot that moves from one server of a Cluster to another meanwhile may be seen twice or not at all.
func EachPrimary(ctx context.Context, pool *redis.Pool, f func(addr string, c redis.Conn) error) error {
	c, err := pool.DialContext(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if m, ok := c.(*measured); ok {
		c = m.Conn
	}
	r, ok := c.(*router)
	if !ok {
		return f("", c)
	}
	return r.nodes.current().EachNode(false, func(addr string, c redis.Conn) error {
		if err := c.Err(); err != nil {
			return err
		}
		return f(addr, c)
	})
}
