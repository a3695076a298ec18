package redispool

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gomodule/redigo/redis"
)

// waitTime is how long WAIT waits. It is less than timeout, or else the connection would break before the answer comes.
const waitTime = timeout / 2

// errShort says that the writes of a script are on the primary, and perhaps on fewer replicas than were asked for, or will
// be there soon. It is an unknown outcome, like an answer that got lost.
var errShort = errors.New("too few Redis replicas have the commit")

// replicated is a connection on which the scripts between two flushes are followed by one WAIT, in the same round trip.
// Their answers are given only if so many replicas have what they wrote. See https://redis.io/docs/latest/commands/wait/.
type replicated struct {
	*conn
	replicas int
	due      []kind // what has been sent and not been received
	unsealed int    // how much of due has been sent since the last flush
	answers  []answer
}

// kind says what of WAIT concerns a command.
type kind int

const (
	plain   kind = iota
	keyless      // a script without keys, which writes nothing: it is followed by WAIT 0, which shows whether we may
	script
	wait
)

type answer struct {
	reply any
	err   error
}

// kindOf knows scripts by their commands: whatever else is sent is read, or is sealed by a later script. A script with one
// key and no other argument only reads.
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

// Flush seals what was sent since the last one.
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

// fetch receives the answers up to the next WAIT, and its count.
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

// seal takes back the answers of scripts whose writes too few replicas have. The connection is not used again, since the
// server may have been replaced without knowing it.
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
