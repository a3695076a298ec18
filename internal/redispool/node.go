package redispool

import (
	"errors"
	"net"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"
)

// probePause is the least time between two looks at a node that could not be dialled, or that hangs.
const probePause = 250 * time.Millisecond

// node dials one node of a Cluster. Once that has failed, or a command has timed out there, nobody waits for the node any
// more: it is tried in the background, when there is demand, and until it answers whoever wants it is told at once why it
// cannot be had. A message that waits holds a place which one for another node could have. It is safe for concurrent use.
type node struct {
	dial func() (redis.Conn, error)

	mu      sync.Mutex
	err     error     // why nobody waits for the node; nil while it is well
	tried   time.Time // when err was found
	probing bool
}

func (d *node) connect() (redis.Conn, error) {
	if err := d.down(); err != nil {
		return nil, err
	}
	c, err := d.dial()
	if err != nil {
		d.fail(err)
	}
	return c, err
}

func (d *node) down() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil && !d.probing && time.Since(d.tried) >= probePause {
		d.probing = true
		go d.probe()
	}
	return d.err
}

func (d *node) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err, d.tried = err, time.Now()
}

// lost is told of commands that failed. That a connection has ended says nothing of the next one; a node that does not
// answer in time may well go on accepting connections, since the kernel does that for it. It may also have been slow just
// once: the next one who wants it has it tried without a pause.
func (d *node) lost(err error) {
	var network net.Error
	if !errors.As(err, &network) || !network.Timeout() {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err == nil {
		d.err = err
	}
}

func (d *node) probe() {
	c, err := d.dial()
	if err == nil {
		err = answers(c)
		_ = c.Close()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err, d.tried, d.probing = err, time.Now(), false
}

// answers asks for any answer: a user who may not PING is told so by a node that is well.
func answers(c redis.Conn) error {
	_, err := c.Do("PING")
	var reply redis.Error
	if errors.As(err, &reply) {
		return nil
	}
	return err
}
