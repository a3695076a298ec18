package redispool

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/gomodule/redigo/redis"
)

// errNode is said of one server that is a part of something larger.
var errNode = errors.New("this Redis is a node of a Cluster, which refuses the keys of all others: begin REDIS_URL with redis+cluster:// or rediss+cluster://")

// alone connects to one server that is all of Redis, and asks the first connection whether it is. A node of a Cluster would
// run our scripts, list its own keys as if they were all, and refuse most messages.
type alone struct {
	node  *node
	asked atomic.Bool // and the server was no node
}

func (a *alone) connect(ctx context.Context) (redis.Conn, error) {
	c, err := a.node.connect(ctx)
	if err != nil || a.asked.Load() {
		return c, err
	}
	if err := notNode(c); err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("connect to Redis: %w", err)
	}
	a.asked.Store(true)
	return c, nil
}

// notNode asks by the one command that tells the mode and that no ACL forbids. What does not know it is no node.
// See https://redis.io/docs/latest/commands/hello/.
func notNode(c redis.Conn) error {
	fields, err := redis.Values(c.Do("HELLO"))
	if err != nil && c.Err() != nil {
		return err
	}
	for i := 0; i+1 < len(fields); i += 2 {
		name, _ := redis.String(fields[i], nil)
		if value, _ := redis.String(fields[i+1], nil); name == "mode" && value == "cluster" {
			return errNode
		}
	}
	return nil
}
