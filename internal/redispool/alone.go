package redispool

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"

	"github.com/gomodule/redigo/redis"
)

// errNode is said of one server that is a part of something larger.
var errNode = errors.New("this Redis is a node of a Cluster, which refuses the keys of all others: begin REDIS_URL with redis+cluster:// or rediss+cluster://")

// errNoAnswer says that a server ended the connection instead of telling its mode.
var errNoAnswer = errors.New("the server does not tell its mode")

// alone connects to one server that is all of Redis, and asks the first connection whether it is. A node of a Cluster would
// run our scripts, list its own keys as if they were all, and refuse most messages.
type alone struct {
	node  *node
	asked atomic.Bool // and the server was no node, or did not tell
}

func (a *alone) connect(ctx context.Context) (redis.Conn, error) {
	c, err := a.node.connect(ctx)
	if err != nil || a.asked.Load() {
		return c, err
	}
	err = notNode(c)
	if err == nil {
		a.asked.Store(true)
		return c, nil
	}
	_ = c.Close()
	if errors.Is(err, errNoAnswer) {
		a.asked.Store(true)
		return a.node.connect(ctx)
	}
	return nil, fmt.Errorf("connect to Redis: %w", err)
}

// notNode asks by the one command that tells the mode and that no ACL forbids. A server that refuses it is taken for no
// node: proxies such as Envoy do. The error is errNoAnswer if the server ended the connection, as twemproxy does.
// See https://redis.io/docs/latest/commands/hello/.
func notNode(c redis.Conn) error {
	fields, err := redis.Values(c.Do("HELLO"))
	if err != nil && c.Err() != nil {
		if network := net.Error(nil); errors.As(err, &network) && network.Timeout() || outdated(err) {
			return err
		}
		return fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	for i := 0; i+1 < len(fields); i += 2 {
		name, _ := redis.String(fields[i], nil)
		if value, _ := redis.String(fields[i+1], nil); name == "mode" && value == "cluster" {
			return errNode
		}
	}
	return nil
}
