package redispool

import (
	"context"
	"strconv"
	"sync/atomic"

	"github.com/gomodule/redigo/redis"
	"github.com/mna/redisc"
)

// EachPrimary calls f with a connection to each server that accepts writes: the single server, the primary, or every
// primary of a Cluster that has slots. addr is "" unless it is a Cluster. These connections do not count towards
// Options.Connections. f must not use a connection after it has returned. If f returns an error, EachPrimary returns that error
// and does not call f again.
//
// If a slot of a Cluster moves from one server to another at the same time, its keys may be seen twice or not at all.
func (p *Pool) EachPrimary(ctx context.Context, f func(addr string, c redis.Conn) error) error {
	c, err := p.DialContext(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if m, ok := c.(*measured); ok {
		c = m.Conn
	}
	r, ok := c.(*router)
	if !ok {
		return f("", c)
	}
	return r.nodes.current().EachNode(false, func(addr string, c redis.Conn) error {
		if err := c.Err(); err != nil {
			return err
		}
		return f(addr, c)
	})
}

// shards contains a hash tag for each primary of a Cluster. The zero value stands for a single server, which has all
// keys. It is safe for concurrent use.
type shards struct {
	tags atomic.Pointer[[]string]
}

func (s *shards) hashTags() []string {
	if tags := s.tags.Load(); tags != nil {
		return *tags
	}
	return []string{""}
}

// learn stores a new layout. redisc calls it.
func (s *shards) learn(_, layout [redisc.HashSlots][]string) {
	missing := map[string]bool{}
	for _, addrs := range layout {
		if len(addrs) > 0 {
			missing[addrs[0]] = true
		}
	}
	// The slots of numbers are random: with this many numbers, the probability to miss a primary with one slot is
	// 1/e^64.
	const enough = 64 * redisc.HashSlots
	var tags []string
	for n := 0; len(missing) > 0 && n < enough; n++ {
		tag := strconv.Itoa(n)
		if addrs := layout[redisc.Slot(tag)]; len(addrs) > 0 && missing[addrs[0]] {
			delete(missing, addrs[0])
			tags = append(tags, tag)
		}
	}
	if len(tags) > 0 {
		s.tags.Store(&tags)
	}
}
