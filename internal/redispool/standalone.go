package redispool

import (
	"context"
	"errors"
	"net"
	"sync/atomic"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/redispool/node"
)

var errClusterNode = node.Refusal{Err: errors.New("this Redis is a node of a Cluster, which refuses the keys of all " +
	"others: begin REDIS_URL with redis+cluster:// or rediss+cluster://")}

// standalone connects to a single server. First, it checks that the server is not a node of a Cluster. A node would run
// our scripts, list only its own keys, and refuse most messages. It is safe for concurrent use.
type standalone struct {
	node    *node.Node
	checked atomic.Bool
}

func (s *standalone) dial(ctx context.Context) (redis.Conn, error) {
	if !s.checked.Load() {
		if err := s.check(ctx); err != nil {
			return nil, err
		}
		s.checked.Store(true)
	}
	return s.node.Dial(ctx)
}

// check returns an error if the server is a node of a Cluster. It uses HELLO, the one command that returns the mode and
// that no ACL forbids, on a connection of its own. A server that refuses HELLO counts as no node: proxies such as Envoy
// refuse it, and twemproxy closes the connection.
// See https://redis.io/docs/latest/commands/hello/.
func (s *standalone) check(ctx context.Context) error {
	c, err := s.node.Dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	reply, err := redis.Values(c.Do("HELLO"))
	if network := net.Error(nil); errors.As(err, &network) && network.Timeout() {
		return err
	}
	for i := 0; i+1 < len(reply); i += 2 {
		name, _ := redis.String(reply[i], nil)
		if mode, _ := redis.String(reply[i+1], nil); name == "mode" && mode == "cluster" {
			return errClusterNode
		}
	}
	return nil
}
