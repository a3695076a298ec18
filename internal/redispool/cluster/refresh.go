package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"smsession/internal/redispool/node"
)

// refreshPause is the time between two requests for the layout in the background. During a failover every message needs
// the layout.
const refreshPause = 100 * time.Millisecond

var (
	errNoSlots = errors.New("the node returns no slots: it was removed from the Cluster, or the Cluster is not set up")
	errForeign = errors.New("the node returns no other node of the Cluster: it was removed from the Cluster")
)

// refreshSoon requests the layout in the background. A node that is gone or hangs cannot redirect us to the node that
// has taken over its slots. Calls during a request, and in the pause after it, make no other request.
func (c *Cluster) refreshSoon() {
	c.refreshes.DoChan("", func() (any, error) {
		defer time.Sleep(refreshPause)
		return c.refresh()
	})
}

// refresh requests the layout from the nodes of the last layout and of the settings, all at once. It uses the first
// complete layout, or else the layout with most slots. If no node answers, the next error of a command causes another
// refresh.
func (c *Cluster) refresh() (*layout, error) {
	last, best := c.layout.Load(), &layout{}
	addrs := slices.AppendSeq(slices.Clone(c.seeds), maps.Keys(last.nodes))
	slices.Sort(addrs)
	err := node.Ask(slices.Compact(addrs), c.fetch, func(l *layout) (enough bool) {
		if l.served > best.served {
			best = l
		}
		return best.complete()
	})
	if err != nil {
		return nil, err
	}
	best.members = maps.Clone(last.members)
	maps.Copy(best.members, best.nodes)
	c.layout.Store(best)
	c.keepPools(best.nodes)
	return best, nil
}

// fetch requests the layout from one node. If the server is not in a Cluster, the error is a refusal: otherwise keys
// would be scattered over several servers.
func (c *Cluster) fetch(addr string) (*layout, error) {
	reply, err := c.send(context.Background(), addr, node.Command{Name: "CLUSTER", Args: []any{"SLOTS"}}, false)
	var l *layout
	switch {
	case node.Code(err) == "ERR":
		err = node.Refuse(err)
	case err == nil:
		if l, err = parseLayout(reply, addr); err == nil {
			err = l.check(addr, c.layout.Load())
		}
	}
	if err != nil {
		return nil, fmt.Errorf("ask %s for the layout of the Cluster: %w", addr, err)
	}
	return l, nil
}

// check returns an error if the node at addr was removed from the Cluster of the last layout. A removed node returns no
// slots, or is in another Cluster. A layout with one node is right if that node has all slots, because a Cluster can
// shrink to one node.
func (l *layout) check(addr string, last *layout) error {
	if l.served == 0 {
		return errNoSlots
	}
	if !last.members[addr] || len(last.members) == 1 || len(l.nodes) == 1 && l.nodes[addr] && l.complete() {
		return nil
	}
	for other := range l.nodes {
		if other != addr && last.members[other] {
			return nil
		}
	}
	return errForeign
}
