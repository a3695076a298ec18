package redispool

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gomodule/redigo/redis"
)

// waitTime is how long WAIT waits. It is less than timeout. Otherwise the read would time out before the answer
// arrives.
const waitTime = timeout / 2

// errShort means that the writes of a script are on the primary, but too few replicas have confirmed them in time. The
// outcome is unknown, as after a lost answer.
var errShort = errors.New("too few Redis replicas have the commit")

// replicated is a connection that sends one WAIT after the scripts between two flushes, in the same round trip. It
// returns the answers of the scripts only if enough replicas have their writes.
// See https://redis.io/docs/latest/commands/wait/.
type replicated struct {
	*conn
	replicas int
	due      []kind // the commands that were sent and whose answers were not received
	unsealed int    // how many of the commands in due were sent since the last flush
	answers  []answer
}

// kind is the kind of a command, which decides whether WAIT follows it.
type kind int

const (
	plain   kind = iota
	keyless      // a script without keys, which writes nothing; WAIT 0 follows it and shows whether the user may use WAIT
	script
	wait
)

type answer struct {
	reply any
	err   error
}

// kindOf returns the kind of a command. Only scripts need a WAIT: any other command only reads, or a later script
// covers it. A script with one key and no other argument only reads.
func kindOf(command string, args []any) kind {
	switch strings.ToUpper(command) {
	case "EVAL", "EVALSHA":
		if _, found := keyOf(command, args); !found {
			return keyless
		}
		if len(args) > 3 { // what to run, the number of keys, the key
			return script
		}
	}
	return plain
}

func (c *replicated) Do(command string, args ...any) (any, error) {
	if command == "" || len(c.due) == 0 && kindOf(command, args) == plain {
		c.due, c.unsealed, c.answers = nil, 0, nil
		return c.conn.Do(command, args...)
	}
	if err := errors.Join(c.Send(command, args...), c.Flush()); err != nil {
		return nil, err
	}
	var last answer
	for len(c.due)+len(c.answers) > 0 {
		last.reply, last.err = c.Receive()
	}
	return last.reply, last.err
}

func (c *replicated) Send(command string, args ...any) error {
	c.due = append(c.due, kindOf(command, args))
	c.unsealed++
	return c.conn.Send(command, args...)
}

// Flush sends the commands since the last flush, with one WAIT if there is a script among them.
func (c *replicated) Flush() error {
	needed, any := 0, false
	for _, k := range c.due[len(c.due)-c.unsealed:] {
		any = any || k != plain
		if k == script {
			needed = c.replicas
		}
	}
	c.unsealed = 0
	if any {
		c.due = append(c.due, wait)
		if err := c.conn.Send("WAIT", needed, waitTime.Milliseconds()); err != nil {
			return err
		}
	}
	return c.conn.Flush()
}

func (c *replicated) Receive() (any, error) {
	if len(c.answers) == 0 {
		c.fetch()
	}
	if len(c.answers) == 0 {
		return c.conn.Receive()
	}
	first := c.answers[0]
	c.answers = c.answers[1:]
	return first.reply, first.err
}

// fetch receives the answers up to the next WAIT and checks the answer of WAIT.
func (c *replicated) fetch() {
	for i, k := range c.due {
		a := answer{}
		a.reply, a.err = c.conn.Receive()
		if k != wait {
			c.answers = append(c.answers, a)
			continue
		}
		count, err := redis.Int(a.reply, a.err)
		c.seal(c.due[:i], count, err)
		c.due = c.due[i+1:]
		return
	}
	c.due = nil
}

// seal replaces the answers of scripts whose writes too few replicas have with an error. The connection is then not
// used again, because another server may have become the primary without the knowledge of this one.
func (c *replicated) seal(sent []kind, count int, err error) {
	for i, k := range sent {
		if k == script && err == nil && count < c.replicas {
			err = fmt.Errorf("%w: %d of %d", errShort, count, c.replicas)
			c.err = err
		}
		if k != plain && err != nil && c.answers[i].err == nil {
			c.answers[i] = answer{err: err}
		}
	}
}
