// Package outage restarts and pauses the embedded Redis of `smsession dev`, so that a person can see what the service
// does meanwhile.
package outage

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	"github.com/gomodule/redigo/redis"
)

const (
	restartTime = time.Second // that a restart takes
	// retryTime is the time between two attempts to get the port back. Another program may have it.
	retryTime = 200 * time.Millisecond
)

// ErrBusy means that Redis is being restarted or is paused already.
var ErrBusy = errors.New("Redis is restarting or paused already")

// State is the state of the Redis.
type State string

// The states of the Redis.
const (
	Up         State = "up"
	Restarting State = "restarting" // it accepts no connection
	Paused     State = "paused"     // it executes no command, but will execute what it gets
)

// Redis is an embedded Redis with outages. It is safe for concurrent use.
type Redis struct {
	embedded *miniredis.Miniredis
	after    func(time.Duration) <-chan time.Time
	closing  chan struct{}
	outages  sync.WaitGroup // that are not over

	mu    sync.Mutex
	state State
	last  State     // the last outage
	began time.Time // when the last outage began
	ended time.Time // zero if the last outage is not over
}

// New returns a Redis that is up. embedded must run. after is time.After, except in tests.
func New(embedded *miniredis.Miniredis, after func(time.Duration) <-chan time.Time) *Redis {
	return &Redis{embedded: embedded, after: after, closing: make(chan struct{}), state: Up}
}

// State returns the present state.
func (r *Redis) State() State {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

// During returns the last outage if a part of it was between two times, and otherwise Up.
func (r *Redis) During(from, to time.Time) State {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last == "" || r.began.After(to) || !r.ended.IsZero() && r.ended.Before(from) {
		return Up
	}
	return r.last
}

// Pause makes Redis execute no command for a time. It then executes those that it has got in the meantime. Pause
// returns when the pause has begun. It returns ErrBusy if there is an outage already.
func (r *Redis) Pause(d time.Duration) error {
	return r.begin(Paused, func() (end func()) {
		resumed := make(chan struct{})
		r.embedded.Server().SetPreHook(func(*server.Peer, string, ...string) bool {
			<-resumed
			return false
		})
		return func() {
			r.wait(d)
			close(resumed)
			r.embedded.Server().SetPreHook(nil)
		}
	})
}

// Restart closes all connections, and accepts new ones after 1 s. The keys stay, as those of a Redis that has saved
// them, but the scripts are gone. Restart returns when the connections are closed. It returns ErrBusy if there is an
// outage already.
func (r *Redis) Restart() error {
	return r.begin(Restarting, func() (end func()) {
		r.embedded.Close()
		return func() {
			for r.wait(restartTime); r.embedded.Restart() != nil && r.wait(retryTime); {
			}
			_ = r.forgetScripts() // if Redis does not run, it has no connection
		}
	})
}

// begin begins an outage, which lasts until end returns.
func (r *Redis) begin(outage State, start func() (end func())) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state != Up {
		return ErrBusy
	}
	r.state, r.last, r.began, r.ended = outage, outage, time.Now(), time.Time{}
	end := start()
	r.outages.Go(func() {
		end()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.state, r.ended = Up, time.Now()
	})
	return nil
}

// wait waits for a time. It returns false at once when Close is called.
func (r *Redis) wait(d time.Duration) bool {
	select {
	case <-r.after(d):
		return true
	case <-r.closing:
		return false
	}
}

// forgetScripts makes the next EVALSHA fail, as after a restart of redis-server.
func (r *Redis) forgetScripts() error {
	conn, err := r.embedded.Dial()
	if err != nil {
		return fmt.Errorf("forget the scripts: %w", err)
	}
	c := redis.NewConn(conn, 0, 0)
	defer c.Close()
	_, err = c.Do("SCRIPT", "FLUSH")
	return err
}

// Close ends the present outage. It must be called once, before the embedded Redis is closed.
func (r *Redis) Close() {
	close(r.closing)
	r.outages.Wait()
}
