package redispool

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/mna/redisc"
)

// refreshPause is the shortest time between two requests for the layout. During a failover every message needs the
// layout.
const refreshPause = 100 * time.Millisecond

var (
	errNothingSent = errors.New("nothing was sent that could be received")

	errNoLayout = errors.New("no node returns a better layout of the Cluster than the known one")

	errSlow = fmt.Errorf("wait for the Redis Cluster: %w", os.ErrDeadlineExceeded)
)

// openCluster returns a pool of routers. A router is not a network connection: each node has its own pool of
// connections, which exists as long as there is a router.
func openCluster(o Options) *redis.Pool {
	n := &nodes{options: o, members: map[string]bool{}}
	return &redis.Pool{DialContext: n.router, MaxActive: o.size() + spare, MaxIdle: o.size() + spare}
}

// nodes are the nodes of a Cluster, with a pool of connections each. It is safe for concurrent use.
type nodes struct {
	options Options
	failure atomic.Pointer[failure]

	mu      sync.Mutex
	cluster *redisc.Cluster // nil while its layout is not known or there is no router
	search  *search         // nil while no search is in progress
	routers int

	layout  *layout         // the layout that was accepted last; nil before the first
	members map[string]bool // the addresses of all nodes that were ever in the layout

	refreshing bool
	refreshed  time.Time // when the last refresh of the layout ended
}

// failure is the last failed attempt to connect to a node.
type failure struct {
	err error
	at  time.Time
}

// search is the first contact with a Cluster. All callers that need the Cluster at the same time share it.
type search struct {
	done chan struct{} // closed when err is set
	err  error
}

// router returns a connection to the whole Cluster once its layout is known. It waits no longer than for a command,
// because redisstore cannot give it a time limit.
func (n *nodes) router(ctx context.Context) (redis.Conn, error) {
	s := n.acquire()
	if err := n.await(ctx, s); err != nil {
		n.release()
		return nil, fmt.Errorf("connect to the Redis Cluster: %w", err)
	}
	return &router{nodes: n}, nil
}

// acquire counts a new router and returns the search that it must wait for. It returns nil if the Cluster is already
// known.
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

// release closes the pools of the nodes when the last router is closed. redigo closes only the connections of a closed
// pool, which are the routers here.
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

// limit bounds one command, with all its redirections, and the first contact. It is a little longer than the limit for
// one answer, because the error for a late answer is more precise.
func (n *nodes) limit() time.Duration { return cmp.Or(n.options.Timeout, timeout) + timeout/10 }

// served returns the number of slots that have a node in the last layout.
func (n *nodes) served() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.layout.served
}

// current returns the Cluster. A router may call it: while there is a router, there is a Cluster.
func (n *nodes) current() *redisc.Cluster {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cluster
}

// pool returns a new pool for one node. Both steps of a commit may have their keys on that node.
func (n *nodes) pool(addr string, _ ...redis.DialOption) (*redis.Pool, error) {
	one := &node{options: n.options, addr: addr, notify: n.refresh}
	return &redis.Pool{
		Dial: func() (redis.Conn, error) {
			c, err := one.connect(context.Background())
			if err != nil {
				n.failure.Store(&failure{err, time.Now()})
				n.refresh()
				return nil, err
			}
			return &member{Conn: c, nodes: n, addr: addr}, nil
		},
		TestOnBorrow: reusable,
		MaxActive:    2 * (n.options.size() + spare),
		MaxIdle:      n.options.size(),
		IdleTimeout:  idleTimeout,
	}, nil
}

// check returns an error for a layout that cannot be right: a node that was removed may know no slots, or may be in
// another Cluster. A layout with one node is right if that node has all slots, because a Cluster can shrink to one
// node.
func (n *nodes) check(addr string, l *layout) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	shrunk := len(l.nodes) == 1 && l.nodes[addr] && l.complete()
	switch {
	case l.served == 0:
		return errNoSlots
	case n.members[addr] && len(n.members) > 1 && !l.namesAny(n.members, addr) && !shrunk:
		return errForeign
	}
	return nil
}

// adopt stores a layout that the library is about to use.
func (n *nodes) adopt(l *layout) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.layout = l
	maps.Copy(n.members, l.nodes)
}

func (n *nodes) knows(addr string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.members[addr]
}

// find ends a search, for the routers that wait for it and for those that come later.
func (n *nodes) find(s *search) {
	cluster, err := n.ask(0)
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case err != nil:
	case n.routers == 0: // no router waits any more
		_ = cluster.Close()
	default:
		n.cluster = cluster
	}
	n.search, s.err = nil, err
	close(s.done)
}

// told is the layout that one node returned, or the error.
type told struct {
	addr   string
	layout *layout
	err    error
}

// ask requests the layout from all known nodes and from those of the settings, all at once. It returns a Cluster of the
// first complete layout, or of the layout that serves most slots, if these are more than served. A server that is not
// in a Cluster gets no command, because keys must not be scattered over several servers.
func (n *nodes) ask(served int) (*redisc.Cluster, error) {
	addrs := n.addrs()
	answers := make(chan told, len(addrs))
	for _, addr := range addrs {
		go func() { answers <- n.question(addr) }()
	}
	best := told{layout: &layout{served: served}}
	var errs []error
	for range addrs {
		switch t := <-answers; {
		case t.err != nil:
			errs = append(errs, t.err)
		case t.layout.served > best.layout.served:
			best = t
		}
		if best.layout.complete() {
			break
		}
	}
	switch {
	case best.addr == "" && len(errs) == 0:
		return nil, errNoLayout
	case best.addr == "":
		return nil, errors.Join(errs...)
	}
	cluster := &redisc.Cluster{StartupNodes: []string{best.addr}, CreatePool: n.pool, LayoutRefresh: n.options.shards.learn}
	if err := cluster.Refresh(); err != nil {
		_ = cluster.Close()
		return nil, err
	}
	return cluster, nil
}

// addrs returns the addresses of the settings and those of the last layout.
func (n *nodes) addrs() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	addrs := slices.Clone(n.options.URL.Addrs)
	if n.layout != nil {
		addrs = slices.AppendSeq(addrs, maps.Keys(n.layout.nodes))
	}
	slices.Sort(addrs)
	return slices.Compact(addrs)
}

// question requests the layout from one node, on a connection of its own.
func (n *nodes) question(addr string) told {
	c, err := (&node{options: n.options, addr: addr}).dial(context.Background())
	if err != nil {
		return told{err: err}
	}
	defer c.Close()
	_, l, err := (&member{Conn: c, nodes: n, addr: addr}).slots()
	return told{addr, l, err}
}

// explain replaces the library's error for a failed connection, which contains the cause only as text, with the cause
// itself. It does so only if the connection failed after the command began.
func (n *nodes) explain(err error, began time.Time) error {
	if err == nil || !strings.HasPrefix(err.Error(), "redisc: failed to get a connection") {
		return err
	}
	if f := n.failure.Load(); f != nil && !f.at.Before(began) {
		return f.err
	}
	return err
}

// refresh requests the layout in the background. A node that is gone or hangs cannot redirect us to the node that has
// taken over its slots.
func (n *nodes) refresh() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cluster == nil || n.refreshing || time.Since(n.refreshed) < refreshPause {
		return
	}
	n.refreshing = true
	go n.renew(n.cluster)
}

// renew requests the layout from the known primaries. If none of them returns one, or if slots are missing in it, renew
// asks all other nodes and those of the settings. The library does not do that: if all nodes had moved, it would never
// find the Cluster again. If renew fails, the next lost connection causes another try.
func (n *nodes) renew(old *redisc.Cluster) {
	present, served := old, 0
	if old.Refresh() == nil {
		served = n.served()
	}
	if served < redisc.HashSlots {
		if found, err := n.ask(served); err == nil {
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
	default: // there is no router now, or there was none in the meantime
		_ = present.Close()
	}
}
