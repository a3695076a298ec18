package node

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/redispool/dial"
)

// waitTime is how long WAIT waits. It is less than the time limit of a read. Otherwise the read would time out before
// the reply arrives.
const waitTime = dial.Timeout / 2

var errNotEnough = errors.New("too few Redis replicas have the commit")

// Conn is a connection to a node, or a share of one. [Node.Dial], [Node.Join] and [Node.Shared] return it. It runs the
// commands between two flushes in one round trip. The write and each read of a round trip take at most Options.Timeout.
// It is not safe for concurrent use.
type Conn struct {
	Pipeline
	wire *wire
	link *link // nil if no other Conn uses the wire
}

// Node returns the node of the connection.
func (c *Conn) Node() *Node { return c.wire.node }

// Close closes the connection, or leaves it to the other Conns that share it. It returns the error of the network. The
// Conn must not be used afterwards.
func (c *Conn) Close() error {
	if c.link != nil {
		return c.link.leave(nil)
	}
	return c.wire.raw.Close()
}

// lease is a Conn that another user gets after Close.
type lease struct{ *Conn }

// Close ends the use of the Conn by this user. A second call does nothing. Any other call after it panics, because it
// could get the replies of the next user.
func (l *lease) Close() error {
	c := l.Conn
	if c == nil {
		return nil
	}
	l.Conn = nil
	_, _ = c.Do("") // drops the replies that were not received, as the pool does
	return c.link.leave(c)
}

// Err returns an error if the connection must not be used again. The pool calls it when it gets the connection back.
func (c *Conn) Err() error { return c.wire.lastErr() }

// roundTrip sends commands and receives their replies. If one of the commands is a script that writes, roundTrip also
// sends WAIT. If too few replicas have the writes, it returns an error in place of the reply to each script that
// writes.
// See https://redis.io/docs/latest/commands/wait/.
func (c *Conn) roundTrip(commands []Command) []Reply {
	began := time.Now()
	replicas := c.wire.node.options.WaitReplicas
	wait := replicas > 0 && slices.ContainsFunc(commands, Command.writes)
	c.wire.send(commands)
	if wait {
		_ = c.wire.raw.Send("WAIT", replicas, waitTime.Milliseconds())
	}
	_ = c.wire.raw.Flush() // receive returns its error
	replies := make([]Reply, len(commands))
	c.wire.receiveAll(commands, replies)
	if wait {
		c.confirm(replicas, commands, replies)
	}
	c.wire.node.observe(began)
	return replies
}

// confirm receives the reply to WAIT. If too few replicas have the writes, the scripts that write get an error, because
// the outcome is unknown, as after a lost reply. The connection ends, because another server may be the primary now.
func (c *Conn) confirm(replicas int, commands []Command, replies []Reply) {
	reply := c.wire.receive(Command{Name: "WAIT"})
	count, err := redis.Int(reply.Value, reply.Err)
	if err == nil && count < replicas {
		err = fmt.Errorf("%w: %d of %d", errNotEnough, count, replicas)
		c.wire.retire(err)
	}
	for i, command := range commands {
		if err != nil && replies[i].Err == nil && command.writes() {
			replies[i] = Reply{Err: err}
		}
	}
}
