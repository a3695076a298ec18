// Package fleet runs several replicas of a server in one process, behind one handler. A replica can be killed: all its
// connections, to its clients and to its Redis, are reset at once, as if its process had been killed. It can then
// neither answer nor save anything. Its goroutines may still run for some seconds, so a request that it has sent to
// another server goes on. It starts again after RestartDelay.
//
// The package is for `smsession dev`. It knows nothing of the service.
package fleet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// RestartDelay is the time after which a killed replica starts again.
const RestartDelay = 3 * time.Second

// Errors of Kill.
var (
	ErrUnknown = errors.New("there is no such replica")
	ErrDown    = errors.New("the replica is down already")
)

// State is the state of a replica.
type State string

// The states of a replica. A replica is down from Kill until it starts again.
const (
	Up   State = "up"
	Down State = "down"
)

// Replica is what State returns about a replica.
type Replica struct {
	Number   int   `json:"number"` // from 1 on
	State    State `json:"state"`
	Answered int   `json:"answered"` // POST requests that were answered, since the fleet started
	Underway int   `json:"underway"` // POST requests that are being answered
}

// Options are what Run needs.
type Options struct {
	// Run runs a replica until ctx ends, and closes the listeners. redis is the address at which this replica must
	// reach Redis. isKilled reports whether the replica was killed: it should log nothing any more.
	Run func(ctx context.Context, number int, public, admin net.Listener, redis string, isKilled func() bool) error
	// Redis is the TCP address of Redis.
	Redis string
	// After replaces time.After in tests. It may be nil.
	After func(time.Duration) <-chan time.Time
}

// Fleet is a number of replicas. It is safe for concurrent use.
type Fleet struct {
	transport *http.Transport

	mu       sync.Mutex
	replicas []slot
	last     int // the index of the replica that got the last request
}

// slot is the place of a replica. Each start puts another process into it.
type slot struct {
	Replica
	process *process // nil if the replica is down
}

// process is one life of a replica.
type process struct {
	number               int
	public, admin, redis *listener
	ended                chan error    // gets the error of Options.Run
	killed               chan struct{} // is closed when the process is killed
	stop                 context.CancelFunc
}

// New returns a Fleet of n replicas, which are down until Run starts them.
func New(n int) *Fleet {
	f := &Fleet{transport: newTransport(), last: n - 1}
	for i := range n {
		f.replicas = append(f.replicas, slot{Replica: Replica{Number: i + 1, State: Down}})
	}
	return f
}

// Run starts the replicas, and serves h on the listener l, which it closes. h should call f. When ctx ends, Run stops
// first the server of h and then the replicas, and returns nil. It does not wait for replicas that were killed. If a
// replica ends without being killed, Run stops everything and returns its error. It must be called only once.
func (f *Fleet) Run(ctx context.Context, l net.Listener, h http.Handler, o Options) error {
	defer f.transport.CloseIdleConnections()
	if o.After == nil {
		o.After = time.After
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx)) // the replicas end after the server of h
	defer stop()
	ended := make(chan error, len(f.replicas))
	for i := range f.replicas {
		p, err := f.start(running, i, o)
		if err != nil {
			_ = l.Close()
			return err
		}
		go func() { ended <- f.supervise(running, i, p, o) }()
	}
	srv := newServer(h)
	served := make(chan error, 1)
	go func() { served <- fmt.Errorf("serve the public listener: %w", srv.Serve(l)) }()

	var err error
	left := len(f.replicas)
	select {
	case err = <-served:
	case err = <-ended:
		left--
	case <-ctx.Done():
	}
	err = errors.Join(err, shutDown(srv))
	for stop(); left > 0; left-- {
		err = errors.Join(err, <-ended)
	}
	return err
}

// supervise waits until the replica at an index ends. If it was killed, supervise starts it again.
func (f *Fleet) supervise(ctx context.Context, i int, p *process, o Options) (err error) {
	for {
		select {
		case err := <-p.ended:
			if !p.isKilled() { // otherwise its end is the effect of Kill
				p.cut()
				return err
			}
		case <-p.killed:
		}
		select {
		case <-o.After(RestartDelay):
		case <-ctx.Done():
			return nil
		}
		if p, err = f.start(ctx, i, o); err != nil {
			return err
		}
	}
}

// start starts the replica at an index, on ports that are free.
func (f *Fleet) start(ctx context.Context, i int, o Options) (*process, error) {
	ctx, stop := context.WithCancel(ctx)
	p := &process{number: i + 1, ended: make(chan error, 1), killed: make(chan struct{}), stop: stop}
	for _, l := range []**listener{&p.public, &p.admin, &p.redis} {
		var err error
		if *l, err = listen(); err != nil {
			p.cut()
			return nil, fmt.Errorf("start replica %d: %w", i+1, err)
		}
	}
	go relay(p.redis, o.Redis)
	go func() { p.ended <- o.Run(ctx, p.number, p.public, p.admin, p.redis.Addr().String(), p.isKilled) }()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.replicas[i].process, f.replicas[i].State = p, Up
	return p, nil
}

func (p *process) isKilled() bool {
	select {
	case <-p.killed:
		return true
	default:
		return false
	}
}

// cut resets all connections of a process and closes its listeners. It then tells it to end.
func (p *process) cut() {
	for _, l := range []*listener{p.redis, p.public, p.admin} {
		if l != nil {
			l.cut()
		}
	}
	p.stop()
}

// Kill kills a replica. When it returns, the replica can neither answer nor reach Redis. It returns ErrUnknown or
// ErrDown if there is nothing to kill.
func (f *Fleet) Kill(number int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if number < 1 || number > len(f.replicas) {
		return ErrUnknown
	}
	s := &f.replicas[number-1]
	if s.State == Down {
		return ErrDown
	}
	s.State = Down
	close(s.process.killed)
	s.process.cut()
	return nil
}

// State returns the states of all replicas, in the order of their numbers.
func (f *Fleet) State() []Replica {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []Replica
	for _, s := range f.replicas {
		all = append(all, s.Replica)
	}
	return all
}
