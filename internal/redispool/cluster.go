package redispool

import (
	"context"
	"errors"
	"fmt"
	"net"
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

var errNothingSent = errors.New("nothing was sent that could be received")

// openCluster returns a pool of routers. They are no connections: each node has a pool of those, which lives as long as
// there is a router.
func openCluster(o Options) *redis.Pool {
	n := &nodes{options: o, loading: make(chan struct{}, 1)}
	return &redis.Pool{DialContext: n.router, MaxActive: Size + spare, MaxIdle: Size + spare}
}

// nodes are the nodes of a Cluster, with a pool of connections each. It is safe for concurrent use.
type nodes struct {
	options Options
	failure atomic.Pointer[error] // of the last connection that could not be made
	loading chan struct{}         // held by whoever asks for the layout for the first time

	mu      sync.Mutex
	cluster *redisc.Cluster // nil while there is no router
	loaded  bool            // it knows its layout
	routers int

	refreshing bool
	refreshed  time.Time // when the layout was last asked for again
}

// router returns a connection to the whole Cluster once its layout is known.
func (n *nodes) router(ctx context.Context) (redis.Conn, error) {
	n.acquire()
	if err := n.load(ctx); err != nil {
		n.release()
		return nil, fmt.Errorf("connect to the Redis Cluster: %w", err)
	}
	return &router{nodes: n}, nil
}

// fresh knows no node but those of the settings.
func (n *nodes) fresh() *redisc.Cluster {
	return &redisc.Cluster{StartupNodes: n.options.Cluster, CreatePool: n.pool}
}

func (n *nodes) acquire() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.routers++; n.routers == 1 {
		n.cluster, n.loaded = n.fresh(), false
	}
}

// release closes the nodes' pools with the last router: redigo tells only its connections that a pool is closed.
func (n *nodes) release() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.routers--; n.routers == 0 {
		_ = n.cluster.Close()
		n.cluster = nil
	}
}

// current is for routers: there is a Cluster while there is one.
func (n *nodes) current() (cluster *redisc.Cluster, loaded bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cluster, n.loaded
}

// pool makes the pool of one node.
func (n *nodes) pool(addr string, _ ...redis.DialOption) (*redis.Pool, error) {
	addr = n.reachable(addr)
	lost := &losses{notify: n.refresh}
	return &redis.Pool{
		Dial: func() (redis.Conn, error) {
			c, err := connect(context.Background(), n.options, addr, lost)
			if err != nil {
				n.failure.Store(&err)
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

// load asks for the layout, unless it is known. A server that does not know one gets no command: on one that is in no
// Cluster the keys would be scattered.
func (n *nodes) load(ctx context.Context) error {
	if _, loaded := n.current(); loaded {
		return nil
	}
	select {
	case n.loading <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-n.loading }()
	cluster, loaded := n.current()
	if loaded {
		return nil
	}
	if err := cluster.Refresh(); err != nil {
		return n.reason(ctx, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.loaded = true
	return nil
}

// reason finds out why no node told its layout: the library has made one text of all their errors.
func (n *nodes) reason(ctx context.Context, err error) error {
	for _, addr := range n.options.Cluster {
		c, err := connect(ctx, n.options, addr, &losses{})
		if err != nil {
			return err
		}
		_, err = c.Do("CLUSTER", "SLOTS")
		_ = c.Close()
		if err != nil {
			return err
		}
	}
	return err
}

// explain returns the error of the last connection that could not be made for one that the library has made a text of.
func (n *nodes) explain(err error) error {
	if err == nil || !strings.HasPrefix(err.Error(), "redisc: ") {
		return err
	}
	if failure := n.failure.Load(); failure != nil {
		return *failure
	}
	return err
}

// refresh asks for the layout in the background. A node that is gone, or that hangs, cannot say who has taken over.
func (n *nodes) refresh() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cluster == nil || !n.loaded || n.refreshing || time.Since(n.refreshed) < refreshPause {
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
		present = n.fresh()
		if present.Refresh() != nil {
			present = old
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
