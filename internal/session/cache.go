package session

import (
	"bytes"
	"strings"
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2"

	"smsession/internal/session/record"
)

const (
	// cacheSize is how many records a replica keeps. A full record takes 3.5 KB, so this is 14 MB, and with the replies
	// of an app at most 32 MB.
	cacheSize = 4096

	// maxCachedRecord is the size in bytes of the largest record in the cache.
	maxCachedRecord = 8 << 10

	// maxScore limits the score in both directions, so that more hits in a row outweigh any number of earlier misses.
	maxScore = 16
)

// cache contains the records that this replica saved last. The next message of such a conversation is committed against
// the cached record, without a read: if another replica has saved the record in the meantime, the commit is refused and
// returns the record in Redis. No guarantee depends on the cache. A hit saves one of two round trips. A miss costs no
// round trip, unless the session has expired in the meantime.
//
// An app must not be called for an old state. With an app, a message asks Redis whether the cached record is still the
// one in Redis. A hit saves its bytes and its parsing.
//
// A miss costs work, however. Therefore the cache is used only while most of its records would have been hits: if there
// is one replica, or if the balancer sends a conversation to the same replica. The score is the number of hits less the
// number of misses. A record that is read from Redis also counts, if it can be compared with a cached one.
//
// A cache is safe for concurrent use.
type cache struct {
	records *lru.Cache[string, *place] // by token
	score   atomic.Int64               // the cache is used while it is positive
}

// place is where the cache keeps the record of a token.
type place = atomic.Pointer[record.Record]

func newCache() *cache {
	records, err := lru.New[string, *place](cacheSize)
	if err != nil {
		panic(err) // only for a size that is not positive
	}
	return &cache{records: records}
}

// find returns the place of the cached record of a token, which may be out of date. It returns nil if there is none, or
// if the cache must not be used.
func (c *cache) find(token string) *place {
	if c.score.Load() <= 0 {
		return nil
	}
	p, _ := c.records.Get(token)
	return p
}

// get returns the record in the place that find returns, or nil.
func (c *cache) get(token string) *record.Record {
	if p := c.find(token); p != nil {
		return p.Load()
	}
	return nil
}

// add stores a record that was saved. p is the place of the record before it, or nil.
func (c *cache) add(token string, p *place, r *record.Record) {
	if len(r.Bytes()) > maxCachedRecord {
		c.records.Remove(token)
		return
	}
	if p != nil {
		p.Store(r)
		return
	}
	p = new(place)
	p.Store(r)                             // before another message can find the place
	c.records.Add(strings.Clone(token), p) // the token may be a part of a longer header
}

// remove removes the record of a token, if the cache has one.
func (c *cache) remove(token string) { c.records.Remove(token) }

// compare records whether the cache would have had a hit. value is the record in Redis, or nil if there is none.
// compare returns the cached record if it is the one in Redis, and nil otherwise.
func (c *cache) compare(token string, value []byte) *record.Record {
	p, found := c.records.Peek(token)
	if !found {
		return nil
	}
	cached := p.Load()
	isHit := bytes.Equal(cached.Bytes(), value)
	c.count(isHit)
	if !isHit {
		return nil
	}
	return cached
}

// count adds a hit or a miss to the score.
//
// Two calls at the same time may count as one, which does no harm. A score that stays the same is not stored, because
// the other processors would then have to fetch it again.
func (c *cache) count(isHit bool) {
	before := c.score.Load()
	after := max(before-1, -maxScore)
	if isHit {
		after = min(before+1, maxScore)
	}
	if after != before {
		c.score.Store(after)
	}
}
