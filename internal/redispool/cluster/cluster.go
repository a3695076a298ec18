// Package cluster connects to a Redis Cluster: it sends each command to the node that has its key, follows
// redirections, and finds out where the slots are.
//
// redisc computes the slots and parses the redirections. Its Cluster type is not used, because it accepts the layout of
// the first node that answers, even if that node has left the Cluster, and because its errors contain their causes only
// as text.
package cluster

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomodule/redigo/redis"
	"golang.org/x/sync/singleflight"

	"smsession/internal/redispool/node"
)

// Cluster is a Redis Cluster with a pool of connections to each node. It is safe for concurrent use.
type Cluster struct {
	seeds     []string
	options   node.Options
	size      int
	limit     time.Duration          // for a round trip with its redirections, and for the first contact
	layout    atomic.Pointer[layout] // without slots before the first contact
	refreshes singleflight.Group
	inUse     atomic.Int64 // the routers of Shared that are not closed

	mu       sync.Mutex
	pools    map[string]pool // by the address of the node
	isClosed bool
}

// pool is the pool of connections to a node.
type pool struct {
	*redis.Pool
	node *node.Node
}

// GetContext returns a share of the connection to the node, beyond the limit of the pool. Without such a connection, it
// is that of [redis.Pool].
func (p pool) GetContext(ctx context.Context) (redis.Conn, error) {
	if c := p.node.Shared(); c != nil {
		return c, nil
	}
	return p.Pool.GetContext(ctx)
}

// New returns a Cluster. seeds are the addresses of some of its nodes. size is the number of connections from Dial and
// Shared that the caller uses at the same time. New contacts no node.
func New(seeds []string, o node.Options, size int) *Cluster {
	limit := o.Timeout + o.Timeout/10 // the time-out of the connection comes first, because its error names the node
	c := &Cluster{seeds: seeds, options: o, size: size, limit: limit, pools: map[string]pool{}}
	c.layout.Store(&layout{members: map[string]bool{}})
	return c
}

// Dial returns a connection to the whole Cluster, which is not a network connection. It waits until the layout is
// known, but no longer than for a command, because redisstore cannot give it a time limit. It returns the error of ctx,
// or the joined errors of all nodes. [node.Refused] reports whether one of them is a refusal.
func (c *Cluster) Dial(ctx context.Context) (redis.Conn, error) {
	if c.layout.Load().served == 0 {
		ctx, cancel := context.WithTimeout(ctx, c.limit)
		defer cancel()
		if _, err := node.Share(ctx, &c.refreshes, c.refresh); err != nil {
			return nil, fmt.Errorf("connect to the Redis Cluster: %w", err)
		}
	}
	return &router{Pipeline: node.Pipeline{Run: c.run}}, nil
}

// Shared is like Dial. It returns nil if the layout is not known.
func (c *Cluster) Shared() redis.Conn {
	if c.layout.Load().served == 0 {
		return nil
	}
	c.inUse.Add(1)
	return &router{node.Pipeline{Run: c.run}, &c.inUse}
}

// InUse returns how many connections of Shared are not closed.
func (c *Cluster) InUse() int { return int(c.inUse.Load()) }

// EachPrimary calls f with a connection to each primary that has slots. It returns the first error of a connection or
// of f. Before Dial has succeeded, it does not call f.
func (c *Cluster) EachPrimary(ctx context.Context, f func(addr string, conn redis.Conn) error) error {
	for addr := range c.layout.Load().tags {
		conn, err := c.pool(addr).DialContext(ctx)
		if err == nil {
			err = f(addr, conn)
			_ = conn.Close()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// HashTags returns a hash tag for each primary that has slots. Before Dial has succeeded, it returns none.
func (c *Cluster) HashTags() []string { return slices.Collect(maps.Values(c.layout.Load().tags)) }

// pool returns the pool of connections to the node at addr. After Close, it returns a closed pool.
func (c *Cluster) pool(addr string) pool {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, found := c.pools[addr]
	if !found {
		n := node.New(addr, c.options)
		p = pool{node.NewPool(n.Join, 2*c.size, c.size), n} // a commit may use two connections
		c.pools[addr] = p
	}
	if c.isClosed {
		_ = p.Close()
	}
	return p
}

// Close closes all connections. A command that is running may return any error.
func (c *Cluster) Close() {
	c.mu.Lock()
	c.isClosed = true
	c.mu.Unlock()
	c.keepPools(nil)
}

// keepPools closes the pools of all nodes except those at addrs.
func (c *Cluster) keepPools(addrs map[string]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for addr, pool := range c.pools {
		if !addrs[addr] {
			_ = pool.Close()
			delete(c.pools, addr)
		}
	}
}
