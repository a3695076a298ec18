package redispool

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"

	"github.com/gomodule/redigo/redis"
)

// errNode means that the configured server is only one node of a Cluster.
var errNode = errors.New("this Redis is a node of a Cluster, which refuses the keys of all others: begin REDIS_URL with redis+cluster:// or rediss+cluster://")

// errNoAnswer means that the server closed the connection when it was asked for its mode.
var errNoAnswer = errors.New("the server closed the connection when it was asked for its mode")

// alone connects to a single server, and checks on the first connection that the server is not a node of a Cluster. A
// node would run our scripts, list only its own keys, and refuse most messages. It is safe for concurrent use.
type alone struct {
	node  *node
	asked atomic.Bool // the server answered that it is not a node, or did not answer
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

// notNode returns an error if the server is a node of a Cluster. It uses HELLO, the one command that returns the mode
// and that no ACL forbids. A server that refuses HELLO counts as no node: proxies such as Envoy refuse it. The error is
// errNoAnswer if the server closed the connection, as twemproxy does.
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
