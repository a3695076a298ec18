package redispool

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/mna/redisc"
)

const (
	// nodeSize is how many connections there may be to one node: both steps of a commit may have their keys there.
	nodeSize = 2 * (Size + spare)

	// refreshPause is the least time between two questions about the layout. In a failover every message wants to know.
	refreshPause = 100 * time.Millisecond
)

var (
	errNothingSent = errors.New("nothing was sent that could be received")

	errSlow = fmt.Errorf("wait for the Redis Cluster: %w", os.ErrDeadlineExceeded)
)

// openCluster returns a pool of routers. They are no connections: each node has a pool of those, which lives as long as
// there is a router.
func openCluster(o Options) *redis.Pool {
	if o.Shards == nil {
		o.Shards = &Shards{}
	}
	n := &nodes{options: o}
	return &redis.Pool{DialContext: n.router, MaxActive: Size + spare, MaxIdle: Size + spare}
}

// nodes are the nodes of a Cluster, with a pool of connections each. It is safe for concurrent use.
type nodes struct {
	options Options
	failure atomic.Pointer[failure]

	mu      sync.Mutex
	cluster *redisc.Cluster // nil while its layout is not known, or there is no router
	search  *search         // nil while there is none
	routers int

	refreshing bool
	refreshed  time.Time // when the layout was last asked for again
}

// failure is the last connection that could not be had.
type failure struct {
	err error
	at  time.Time
}

// search is the first contact with a Cluster, which all who want it at the same time share.
type search struct {
	done chan struct{} // closed when err is there
	err  error
}

// router returns a connection to the whole Cluster once its layout is known. It does not wait longer than for a command,
// since redisstore could not tell it how long.
func (n *nodes) router(ctx context.Context) (redis.Conn, error) {
	s := n.acquire()
	if err := n.await(ctx, s); err != nil {
		n.release()
		return nil, fmt.Errorf("connect to the Redis Cluster: %w", err)
	}
	return &router{nodes: n}, nil
}

// acquire returns the search that the router must wait for, nil if there is a Cluster.
func (n *nodes) acquire() *search {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.routers++
	if n.cluster == nil && n.search == nil {
		n.search = &search{done: make(chan struct{})}
		go n.find(n.search)
	}
	return n.search
}

// release closes the nodes' pools with the last router: redigo tells only its connections that a pool is closed.
func (n *nodes) release() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.routers--; n.routers == 0 && n.cluster != nil {
		_ = n.cluster.Close()
		n.cluster = nil
	}
}

func (n *nodes) await(ctx context.Context, s *search) error {
	if s == nil {
		return nil
	}
	timer := time.NewTimer(n.limit())
	defer timer.Stop()
	select {
	case <-s.done:
		return s.err
	case <-timer.C:
		return errSlow
	case <-ctx.Done():
		return ctx.Err()
	}
}

// limit bounds one command, wherever it is led to, and the first contact. It is a little more than what bounds one answer,
// whose error says more.
func (n *nodes) limit() time.Duration { return cmp.Or(n.options.Patience, timeout) + timeout/10 }

// current is for routers: there is a Cluster while there is one.
func (n *nodes) current() *redisc.Cluster {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cluster
}

// pool makes the pool of one node.
func (n *nodes) pool(addr string, _ ...redis.DialOption) (*redis.Pool, error) {
	addr = n.reachable(addr)
	one := &node{}
	lost := &losses{notify: func(err error) { one.lost(err); n.refresh() }}
	one.dial = func() (redis.Conn, error) { return connect(context.Background(), n.options, addr, lost) }
	return &redis.Pool{
		Dial: func() (redis.Conn, error) {
			c, err := one.connect()
			if err != nil {
				n.failure.Store(&failure{err, time.Now()})
				n.refresh()
			}
			return c, err
		},
		TestOnBorrow: func(_ redis.Conn, lastUsed time.Time) error { return lost.since(lastUsed) },
		MaxActive:    nodeSize,
		MaxIdle:      Size,
		IdleTimeout:  idleTimeout,
	}, nil
}

// reachable makes an address that can be dialled of what nodes say of each other: there an IPv6 address has no brackets, and
// a node that never met another one does not know its own host, so that it is the one that the settings have.
// See https://redis.io/docs/latest/commands/cluster-slots/.
func (n *nodes) reachable(addr string) string {
	colon := strings.LastIndexByte(addr, ':')
	if colon < 0 || strings.HasPrefix(addr, "[") {
		return addr
	}
	host := addr[:colon]
	if host == "" {
		host, _, _ = net.SplitHostPort(n.options.Cluster[0])
	}
	return net.JoinHostPort(host, addr[colon+1:])
}

// find ends a search, for the routers that wait for it and for those that come later.
func (n *nodes) find(s *search) {
	cluster, err := n.ask()
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case err != nil:
	case n.routers == 0: // nobody has waited so long
		_ = cluster.Close()
	default:
		n.cluster = cluster
	}
	n.search, s.err = nil, err
	close(s.done)
}

// ask asks all nodes of the settings at once for the layout, and returns the Cluster that the first one tells of. A server
// that does not know one gets no command: on one that is in no Cluster the keys would be scattered.
func (n *nodes) ask() (*redisc.Cluster, error) {
	found := make(chan *redisc.Cluster)
	failed := make(chan error, len(n.options.Cluster))
	taken := make(chan struct{})
	defer close(taken)
	for _, addr := range n.options.Cluster {
		go func() {
			cluster := &redisc.Cluster{StartupNodes: []string{addr}, CreatePool: n.pool, LayoutRefresh: n.options.Shards.learn}
			if err := cluster.Refresh(); err != nil {
				_ = cluster.Close()
				failed <- n.reason(addr, err)
				return
			}
			select {
			case found <- cluster:
			case <-taken:
				_ = cluster.Close()
			}
		}()
	}
	var errs []error
	for range n.options.Cluster {
		select {
		case cluster := <-found:
			return cluster, nil
		case err := <-failed:
			errs = append(errs, err)
		}
	}
	return nil, errors.Join(errs...)
}

// reason finds out why a node did not tell its layout: the library has made a text of the error.
func (n *nodes) reason(addr string, err error) error {
	c, dialled := connect(context.Background(), n.options, addr, &losses{})
	if dialled != nil {
		return dialled
	}
	defer c.Close()
	if _, answered := c.Do("CLUSTER", "SLOTS"); answered != nil {
		return answered
	}
	return err
}

// explain returns why a connection could not be had for an error that the library has made a text of, if it has happened
// since a command began.
func (n *nodes) explain(err error, began time.Time) error {
	if err == nil || !strings.HasPrefix(err.Error(), "redisc: failed to get a connection") {
		return err
	}
	if f := n.failure.Load(); f != nil && !f.at.Before(began) {
		return f.err
	}
	return err
}

// refresh asks for the layout in the background. A node that is gone, or that hangs, cannot say who has taken over.
func (n *nodes) refresh() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cluster == nil || n.refreshing || time.Since(n.refreshed) < refreshPause {
		return
	}
	n.refreshing = true
	go n.renew(n.cluster)
}

// renew asks the nodes that are known, and if none of them answers those of the settings: the library would never ask these
// again, and a Cluster whose nodes have all moved would be lost. The next loss tries again.
func (n *nodes) renew(old *redisc.Cluster) {
	present := old
	if old.Refresh() != nil {
		if found, err := n.ask(); err == nil {
			present = found
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.refreshing, n.refreshed = false, time.Now()
	switch {
	case present == old:
	case n.cluster == old:
		n.cluster = present
		_ = old.Close()
	default: // there is no router any more, or there was none for a moment
		_ = present.Close()
	}
}
