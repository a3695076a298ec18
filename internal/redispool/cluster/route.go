package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/mna/redisc"

	"smsession/internal/redispool/node"
)

// attempts is how often one command is sent. A slot that has just moved needs two redirections.
const attempts = 4

var errUnserved = errors.New("no node of the Redis Cluster has the slot of the key: the Cluster is down in part")

// router is a connection to a Cluster. The commands between two flushes run at the same time and in no fixed order, each on
// the node of its key.
type router struct{ node.Pipeline }

// Err returns nil, because a router itself cannot break. The pools of the nodes detect broken connections.
func (*router) Err() error { return nil }

// Close does nothing. [Cluster.Close] closes the connections to the nodes.
func (*router) Close() error { return nil }

// run runs commands at the same time.
func (c *Cluster) run(commands []node.Command) []node.Reply {
	replies := make([]node.Reply, len(commands))
	var group sync.WaitGroup
	for i, command := range commands[1:] {
		group.Go(func() { replies[i+1] = c.do(command) })
	}
	replies[0] = c.do(commands[0])
	group.Wait()
	if slices.ContainsFunc(replies, func(r node.Reply) bool { return r.Err != nil }) {
		c.refreshSoon()
	}
	return replies
}

// do sends one command to the node that has its key, and follows redirections if the key is moving or has moved. It
// sends nothing after the limit.
func (c *Cluster) do(command node.Command) node.Reply {
	ctx, cancel := context.WithTimeout(context.Background(), c.limit)
	defer cancel()
	l := c.layout.Load()
	addr, commands := l.primary(redisc.Slot(keyOf(command))), []node.Command{command}
	reply := node.Reply{Err: errUnserved}
	for n := 0; n < attempts && addr != "" && ctx.Err() == nil; n++ {
		reply = c.send(ctx, addr, commands...)
		redirection := redisc.ParseRedir(reply.Err)
		if redirection == nil {
			break
		}
		c.refreshSoon()
		from := addr
		addr, commands = reachable(redirection.Addr, from), []node.Command{command}
		if redirection.Type == "ASK" {
			commands = []node.Command{{Name: "ASKING"}, command}
		}
		if !l.members[addr] { // the sender may be in another Cluster now
			if _, err := c.fetch(from); err != nil {
				return node.Reply{Err: err}
			}
		}
	}
	return reply
}

// send runs commands on the node at addr and returns the last reply.
func (c *Cluster) send(ctx context.Context, addr string, commands ...node.Command) (reply node.Reply) {
	conn, err := c.pool(addr).GetContext(ctx)
	if err != nil {
		return node.Reply{Err: err}
	}
	defer conn.Close()
	for _, command := range commands {
		_ = conn.Send(command.Name, command.Args...) // Receive returns its error
	}
	_ = conn.Flush()
	for range commands {
		reply.Value, reply.Err = conn.Receive()
	}
	return reply
}

// keyOf returns the argument that decides which node gets a command: its first one, or the first key of a script. A
// command without a key can go to any node.
func keyOf(command node.Command) string {
	args := command.Args
	if command.IsScript() && len(args) > 2 {
		args = args[2:] // what to run, and the number of keys
	}
	if len(args) == 0 {
		return ""
	}
	return fmt.Sprintf("%s", args[0]) // a key is a string or bytes
}
