// Package inspect lists, shows, watches and ends the conversations in Redis for an operator. It can also change a
// conversation as if time had passed. It processes no messages, and reading a conversation does not renew it.
package inspect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gomodule/redigo/redis"
	lru "github.com/hashicorp/golang-lru/v2"

	"smsession/internal/config/redisurl"
	"smsession/internal/redispool"
	"smsession/internal/session/record"
)

// Source is the Redis whose conversations are read. It is safe for concurrent use.
type Source struct {
	Pool *redispool.Pool
	Keys record.Keys

	waits bool // the pool waits for Redis replicas
}

// patience limits how long Redis may take for one answer. A Redis that saves a snapshot may need several seconds. It
// also limits how long End tries again while messages change the record.
const patience = 10 * time.Second

// Open returns the Redis of a URL, in which every key begins with prefix. A change is confirmed when waitReplicas Redis
// replicas have it. Open does not contact Redis yet. The caller must close the Pool.
func Open(url redisurl.URL, prefix string, waitReplicas int) Source {
	pool := redispool.Open(redispool.Options{URL: url, Timeout: patience, WaitReplicas: waitReplicas})
	return Source{Pool: pool, Keys: record.Keys{Prefix: prefix}, waits: waitReplicas > 0}
}

// List calls visit with the live conversations that f selects, at most limit of them. A limit of 0 means no limit. A
// conversation whose record has a later version counts as live. Without an order, List calls visit with one page after
// the other, and keeps no more than one page in memory. An order needs a limit. List then calls visit once, with the
// first conversations in that order, or not at all if there are none. visit may keep and change the slice.
//
// An error of visit ends the search, and List returns it. Any other error means that Redis did not answer before its
// time-out, that it refused a command (see redispool.Refused), or that ctx ended.
//
// List finds the pointers with SCAN, so Redis answers messages at the same time. On a Cluster it reads one primary
// after the other. It finds every conversation that exists during the whole search. If a Cluster moves a slot
// meanwhile, a conversation in the slot may be found twice or not at all.
func (s Source) List(ctx context.Context, f Filter, order Order, limit int, visit func([]Conversation) error) error {
	best, listed, errFull := ranking{order: order, limit: limit}, 0, errors.New("the limit is reached")
	err := s.eachPage(ctx, f, func(snapshots []Snapshot) error {
		found := conversations(snapshots, f.Ended)
		if order != "" || len(found) == 0 {
			return best.add(found)
		}
		if limit > 0 {
			found = found[:min(len(found), limit-listed)]
		}
		listed += len(found)
		if err := visit(found); err != nil || listed != limit {
			return err
		}
		return errFull
	})
	best.cut()
	switch {
	case errors.Is(err, errFull):
		return nil
	case err != nil:
		return explain(fmt.Errorf("list conversations: %w", err))
	case len(best.rows) > 0:
		return visit(best.rows)
	}
	return nil
}

const (
	// pageSize is how many keys Redis examines in one SCAN. This takes about 0.15 ms, during which it answers no
	// message. About half of the keys are pointers, and their records have about 3 KB each, so a page has 768 KB.
	pageSize = 512

	// remembered is how many of the last keys are compared with a new page.
	//
	// SCAN may return a key again while Redis shrinks its table, but it then returns only one bucket of the table
	// again. SCAN returned the keys of this bucket shortly before, and they are few: a table shrinks when nine of ten
	// buckets are empty.
	// See https://redis.io/docs/latest/commands/scan/#scan-guarantees and dictScan in https://github.com/redis/redis,
	// src/dict.c.
	remembered = 4096
)

// eachPage calls visit with the conversations that f selects, one page after the other. If f names both addresses of
// each conversation, it reads the conversations directly. Otherwise, a page is one of SCAN.
func (s Source) eachPage(ctx context.Context, f Filter, visit func([]Snapshot) error) error {
	if f.isExact() {
		return s.eachNamed(ctx, f, visit)
	}
	seen, _ := lru.New[string, struct{}](remembered) // the only possible error is for a size of 0
	selects := f.selector()
	isOther := func(key string) bool {
		to, from, isPointer := s.Keys.Addresses(key)
		return !isPointer || !selects(to, from)
	}
	return s.Pool.EachPrimary(ctx, func(addr string, node redis.Conn) error {
		r := reader{node, serverKeys}
		if addr != "" { // a Cluster, in which other servers have most of the records
			conn, err := s.Pool.GetContext(ctx)
			if err != nil {
				return err
			}
			defer conn.Close()
			r = reader{conn, clusterKeys}
		}
		for cursor := "0"; ; {
			if err := ctx.Err(); err != nil {
				return err
			}
			keys, err := scan(node, &cursor, s.Keys.Pattern(f.pattern()))
			if err != nil {
				return err
			}
			snapshots, err := r.snapshots(s.Keys, unseen(seen, slices.DeleteFunc(keys, isOther)), f.Token)
			if err != nil {
				return err
			}
			if err := visit(snapshots); err != nil || cursor == "0" {
				return err
			}
		}
	})
}

// eachNamed is eachPage for a Filter that names both addresses of each conversation.
func (s Source) eachNamed(ctx context.Context, f Filter, visit func([]Snapshot) error) error {
	conn, err := s.Pool.GetContext(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	for some := range slices.Chunk(f.From, clusterKeys) {
		var pointers []string
		for _, from := range some {
			pointers = append(pointers, s.Keys.Conversation(f.To, from))
		}
		snapshots, err := reader{conn, clusterKeys}.snapshots(s.Keys, pointers, f.Token)
		if err != nil {
			return err
		}
		if err := visit(snapshots); err != nil {
			return err
		}
	}
	return nil
}

// scan returns the next page of keys and moves the cursor.
func scan(node redis.Conn, cursor *string, pattern string) (keys []string, err error) {
	reply, err := redis.Values(node.Do("SCAN", *cursor, "MATCH", pattern, "COUNT", pageSize))
	if err == nil {
		_, err = redis.Scan(reply, cursor, &keys)
	}
	return keys, err
}

// unseen removes the keys that were seen before, and remembers the rest.
func unseen(seen *lru.Cache[string, struct{}], keys []string) []string {
	return slices.DeleteFunc(keys, func(key string) bool {
		isSeen, _ := seen.ContainsOrAdd(key, struct{}{})
		return isSeen
	})
}
