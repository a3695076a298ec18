package node

import (
	"errors"
	"strings"
)

var errNoReply = errors.New("receive a reply from Redis: no command was sent")

// Command is a command with its arguments.
type Command struct {
	Name string
	Args []any
}

// IsScript reports whether the command runs a script.
func (c Command) IsScript() bool {
	return strings.EqualFold(c.Name, "EVALSHA") || strings.EqualFold(c.Name, "EVAL")
}

// writes reports whether the command is GETEX, which renews a key here, or a script with a key and another argument.
// Our scripts without another argument only read. A script with one that only reads counts, too: after it, WAIT returns
// as soon as the replicas have what was written before.
func (c Command) writes() bool {
	return c.Name == "GETEX" || c.IsScript() && len(c.Args) > 3 // the script, the number of keys, the key
}

// Reply is the reply to a command, or its error.
type Reply struct {
	Value any
	Err   error
}

// Pipeline implements the methods of [redis.Conn] that send commands and receive replies. It is not safe for concurrent
// use. Do and Flush take as long as Run. Do and Receive return the errors in the replies of Run.
type Pipeline struct {
	// Run runs all commands between two flushes, and returns a reply for each. It must take bounded time.
	Run func([]Command) []Reply

	queued  []Command
	replies []Reply // not received yet
}

// Do runs the queued commands and this one, and returns its reply or its error. It drops the replies to the other
// commands. redigo's pool calls Do without a name when it gets a connection back. Do then only runs the queued
// commands.
func (p *Pipeline) Do(name string, args ...any) (any, error) {
	if name != "" {
		p.queued = append(p.queued, Command{name, args})
	}
	_ = p.Flush()
	replies := p.replies
	p.replies = nil
	if name == "" {
		return nil, nil
	}
	last := replies[len(replies)-1]
	return last.Value, last.Err
}

// Send queues a command until Flush or Do. It returns nil.
func (p *Pipeline) Send(name string, args ...any) error {
	p.queued = append(p.queued, Command{name, args})
	return nil
}

// Flush runs the queued commands. It returns nil, because each reply has its own error.
func (p *Pipeline) Flush() error {
	if len(p.queued) > 0 {
		if replies := p.Run(p.queued); len(p.replies) == 0 {
			p.replies = replies
		} else {
			p.replies = append(p.replies, replies...)
		}
		clear(p.queued) // the arguments can be large
		p.queued = p.queued[:0]
	}
	return nil
}

// Receive returns the next reply or its error, in the order of the commands. If no reply to a flushed command is left,
// it returns an error at once.
func (p *Pipeline) Receive() (any, error) {
	if len(p.replies) == 0 {
		return nil, errNoReply
	}
	first := p.replies[0]
	p.replies = p.replies[1:]
	return first.Value, first.Err
}
