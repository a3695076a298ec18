package redispool

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"
)

// dialPause is the shortest time between two attempts to connect to a server that hangs or cannot be connected to.
const dialPause = 250 * time.Millisecond

// node is a server to connect to. After a failed attempt or a command that timed out, only one caller at a time tries
// to connect, with pauses. The other callers get the error at once and try again after a pause of their own. A server
// that hangs or has too many clients is therefore not flooded with connections. It is safe for concurrent use.
type node struct {
	options Options
	addr    string                 // host:port or the path of a Unix socket
	greet   func(redis.Conn) error // the first command of a connection; nil if any will do
	notify  func()                 // called when a connection was lost; may be nil

	mu     sync.Mutex
	err    error     // why only one caller at a time tries; nil while the server is well
	tried  time.Time // when err was set
	trying bool
	losses map[string]*losses // by the remote address of a connection: the name in addr may have several
}

func (d *node) connect(ctx context.Context) (redis.Conn, error) {
	if err := d.enter(); err != nil {
		return nil, err
	}
	c, err := d.dial(ctx)
	d.leave(err, ctx.Err() != nil)
	return c, err
}

// enter returns the reason why the caller must not try to connect now. Each call that returns nil must be paired with
// one call of leave.
func (d *node) enter() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err == nil {
		return nil
	}
	if d.trying || time.Since(d.tried) < dialPause {
		return d.err
	}
	d.trying = true
	return nil
}

// leave records the result of an attempt. An attempt that the caller gave up shows nothing about the server.
func (d *node) leave(err error, gaveUp bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.trying = false
	if err == nil || !gaveUp {
		d.err, d.tried = err, time.Now()
	}
}

// lost records that a command failed. After a time-out, only one caller at a time connects: the kernel accepts
// connections even for a server that hangs. The server may have been slow only once, so the next caller does not have
// to pause. Any other error of a connection shows nothing about the next connection.
func (d *node) lost(err error) {
	var network net.Error
	if errors.As(err, &network) && network.Timeout() {
		d.mu.Lock()
		if d.err == nil {
			d.err, d.tried = err, time.Time{}
		}
		d.mu.Unlock()
	}
	if d.notify != nil {
		d.notify()
	}
}

// dial returns a connection to the server. The connection watches its own errors, and waits for replicas if that is
// configured.
func (d *node) dial(ctx context.Context) (redis.Conn, error) {
	c, wire, err := dial(ctx, d.options, d.options.current().Redis, d.addr, d.greet)
	if err != nil {
		return nil, fmt.Errorf("connect to Redis: %w", err)
	}
	expires := time.Now().Add(leastAge + rand.N(ageSpread))
	watched := &conn{Conn: c, wire: wire, judge: d.options.judge, addr: d.addr, lost: d.lossesAt(wire.peer), expires: expires}
	if d.options.WaitReplicas > 0 {
		return &replicated{conn: watched, replicas: d.options.WaitReplicas}, nil
	}
	return watched, nil
}

func (d *node) lossesAt(peer string) *losses {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.losses == nil {
		d.losses = map[string]*losses{}
	}
	if d.losses[peer] == nil {
		d.losses[peer] = &losses{notify: d.lost}
	}
	return d.losses[peer]
}
