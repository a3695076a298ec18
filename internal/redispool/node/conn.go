package node

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/redispool/dial"
)

// waitTime is how long WAIT waits. It is less than the time limit of a read. Otherwise the read would time out before
// the reply arrives.
const waitTime = dial.Timeout / 2

var errNotEnough = errors.New("too few Redis replicas have the commit")

// Conn is a connection to a node, made by [Node.Dial]. It runs the commands between two flushes in one round trip. The
// write and each read of a round trip take at most Options.Timeout. It is not safe for concurrent use.
type Conn struct {
	Pipeline
	node    *Node
	raw     redis.Conn // the connection of redigo
	peer    string     // the remote address; "" if the connection was never open
	expires time.Time  // the pool does not hand out the connection after this time
	err     error      // the error after which the connection must not be used again, although redigo could use it
}

// Addr returns the address of the node.
func (c *Conn) Addr() string { return c.node.Addr }

// Close closes the connection. It returns the error of the network.
func (c *Conn) Close() error { return c.raw.Close() }

// Err returns an error if the connection must not be used again. The pool calls it when it gets the connection back.
func (c *Conn) Err() error { return cmp.Or(c.err, c.raw.Err()) }

// roundTrip sends commands and receives their replies. If one of the commands is a script that writes, roundTrip also
// sends WAIT. If too few replicas have the writes, it returns an error in place of the reply to each script that
// writes.
// See https://redis.io/docs/latest/commands/wait/.
func (c *Conn) roundTrip(commands []Command) []Reply {
	began := time.Now()
	replicas := c.node.Options.WaitReplicas
	wait := replicas > 0 && slices.ContainsFunc(commands, Command.writes)
	for _, command := range commands {
		_ = c.raw.Send(command.Name, command.Args...) // Receive returns its error
	}
	if wait {
		_ = c.raw.Send("WAIT", replicas, waitTime.Milliseconds())
	}
	_ = c.raw.Flush() // Receive returns its error
	replies := make([]Reply, len(commands))
	for i, command := range commands {
		replies[i] = c.receive(command.IsScript())
	}
	if wait {
		c.confirm(replicas, commands, replies)
	}
	if observe := c.node.Options.Observe; observe != nil {
		observe(time.Since(began))
	}
	return replies
}

// receive receives one reply and decides whether its error ends the use of the connection. A server that was demoted or
// that is loading keeps its connections open, but it refuses the command. Another server may accept it. An unknown
// error of a script may also mean that the server was demoted.
func (c *Conn) receive(script bool) Reply {
	value, err := c.raw.Receive()
	if err == nil {
		return Reply{Value: value}
	}
	err = cmp.Or(c.raw.Err(), err) // the first error of the connection explains the later ones
	code := Code(err)
	if code == "" || unavailable(code) {
		c.node.lose(c.peer, err)
	}
	if unavailable(code) || script && !reusable(code) {
		c.err = err
	}
	c.node.Options.Failed(err)
	return Reply{Err: redact(err)}
}

// confirm receives the reply to WAIT. If too few replicas have the writes, the scripts that write get an error, because
// the outcome is unknown, as after a lost reply. The connection ends, because another server may be the primary now.
func (c *Conn) confirm(replicas int, commands []Command, replies []Reply) {
	reply := c.receive(false)
	count, err := redis.Int(reply.Value, reply.Err)
	if err == nil && count < replicas {
		err = fmt.Errorf("%w: %d of %d", errNotEnough, count, replicas)
		c.err = err
	}
	for i, command := range commands {
		if err != nil && replies[i].Err == nil && command.writes() {
			replies[i] = Reply{Err: err}
		}
	}
}

// socket is the network connection of a Conn. It writes a whole pipeline at once, just before it reads the reply.
// redigo writes in pieces of 4 KB, and each write costs more than any other step of a message. A commit of 6 KB takes
// one write.
type socket struct {
	net.Conn
	unsent []byte
}

// Write keeps b until Read.
func (s *socket) Write(b []byte) (int, error) {
	s.unsent = append(s.unsent, b...)
	return len(b), nil
}

// Read sends the bytes that Write has kept, and then reads. redigo has set the deadlines for both.
func (s *socket) Read(b []byte) (int, error) {
	if len(s.unsent) > 0 {
		_, err := s.Conn.Write(s.unsent)
		s.unsent = s.unsent[:0]
		if err != nil {
			return 0, err
		}
	}
	return s.Conn.Read(b)
}
