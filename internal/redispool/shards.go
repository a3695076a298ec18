package redispool

import (
	"strconv"
	"sync/atomic"

	"github.com/mna/redisc"
)

// Shards knows for each primary of a Cluster a hash tag whose keys it has. The zero value knows of one Redis that has all
// keys. It is safe for concurrent use.
type Shards struct {
	tags atomic.Pointer[[]string]
}

// Tags returns a hash tag for each primary that has slots, and "" alone where there is no Cluster or its layout is not
// known yet. It is known once a connection was had.
func (s *Shards) Tags() []string {
	if tags := s.tags.Load(); tags != nil {
		return *tags
	}
	return []string{""}
}

// learn takes a new layout. redisc calls it.
func (s *Shards) learn(_, layout [redisc.HashSlots][]string) {
	missing := map[string]bool{}
	for _, addrs := range layout {
		if len(addrs) > 0 {
			missing[addrs[0]] = true
		}
	}
	// Numbers as tags fall into random slots: that many leave out a primary with one slot once in e^64 times.
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
