package cluster

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/gomodule/redigo/redis"
	"github.com/mna/redisc"

	"smsession/internal/redispool/node"
)

// attempts is the most times that one command is sent. A slot that has just moved needs two redirections.
const attempts = 4

var errUnserved = errors.New("no node of the Redis Cluster has the slot of the key: the Cluster is partly down")

// router is a connection to a Cluster. The commands between two flushes run at the same time and in no fixed order,
// each on the node that has its key.
type router struct {
	node.Pipeline
	users *atomic.Int64 // counts the router; nil in a pool, and after Close
}

// Err returns nil, because a router itself cannot break. The pools of the nodes detect broken connections.
func (*router) Err() error { return nil }

// Close only ends the use of the router, and drops what is queued. [Cluster.Close] closes the connections to the nodes.
func (r *router) Close() error {
	if r.users != nil {
		r.users.Add(-1)
		r.users = nil
	}
	return nil
}

// run runs commands at the same time.
func (c *Cluster) run(commands []node.Command) []node.Reply {
	replies := make([]node.Reply, len(commands))
	ctx, cancel := context.WithTimeout(context.Background(), c.limit)
	defer cancel()
	do := func(i int) { replies[i].Value, replies[i].Err = c.do(ctx, commands[i]) }
	var group sync.WaitGroup
	for i := range commands[1:] {
		group.Go(func() { do(i + 1) })
	}
	do(0)
	group.Wait()
	return replies
}

// do sends one command to the node that has its key, and follows redirections if the key is moving or has moved. It
// sends nothing after the end of ctx. After each error it refreshes the layout.
func (c *Cluster) do(ctx context.Context, command node.Command) (reply any, err error) {
	l := c.layout.Load()
	addr, asking := l.primary(redisc.Slot(keyOf(command))), false
	err = errUnserved
	for n := 0; n < attempts && addr != "" && ctx.Err() == nil; n++ {
		if reply, err = c.send(ctx, addr, command, asking); err == nil {
			return reply, nil
		}
		redirection := redisc.ParseRedir(err)
		if redirection == nil {
			break
		}
		c.refreshSoon()
		from := addr
		addr, asking = reachable(redirection.Addr, from), redirection.Type == "ASK"
		if !l.members[addr] { // the sender may be in another Cluster now
			if _, err := c.fetch(from); err != nil {
				return nil, err
			}
		}
	}
	c.refreshSoon()
	return nil, err
}

// send runs a command on the node at addr. If asking is true, the node runs it even if it does not have the slot yet.
func (c *Cluster) send(ctx context.Context, addr string, command node.Command, asking bool) (any, error) {
	conn, err := c.pool(addr).GetContext(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if asking {
		_ = conn.Send("ASKING") // Do drops its reply
	}
	return conn.Do(command.Name, command.Args...)
}

// keyOf returns the argument that decides which node gets a command: the first argument, or the first key of a script.
// A command without a key can go to any node.
func keyOf(command node.Command) string {
	args := command.Args
	if command.IsScript() && len(args) > 2 {
		args = args[2:] // without the script and the number of keys
	}
	if len(args) == 0 {
		return ""
	}
	key, _ := redis.String(args[0], nil) // a key is a string or bytes
	return key
}
