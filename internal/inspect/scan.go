package inspect

import (
	"context"

	"github.com/gomodule/redigo/redis"
	"github.com/hashicorp/golang-lru/v2/simplelru"
)

const (
	// pageSize is how many keys Redis examines in one SCAN. This takes about 0.15 ms, during which it answers no message.
	// About half of the keys are pointers, and their records have about 3 KB each, so a page has 768 KB.
	pageSize = 512

	// remembered is how many of the last keys are compared with a new page.
	//
	// SCAN may return a key again while Redis shrinks its table, but it then returns only one bucket of the table again.
	// The keys of this bucket came shortly before, and they are few: a table shrinks when nine of ten buckets are empty.
	// See https://redis.io/docs/latest/commands/scan/#scan-guarantees and dictScan in https://github.com/redis/redis,
	// src/dict.c.
	remembered = 4096
)

// eachPage calls visit with the conversations that f selects, one page of SCAN after the other. If f names both addresses,
// it searches nothing.
func (s Source) eachPage(ctx context.Context, f Filter, visit func([]Snapshot) error) error {
	if f.To != "" && f.From != "" {
		one, found, err := Read(ctx, s.Pool.Pool, s.Keys, f.To, f.From)
		if err != nil || !found {
			return err
		}
		return visit([]Snapshot{one})
	}
	seen, _ := simplelru.NewLRU[string, struct{}](remembered, nil) // the only error is a size of 0
	return s.Pool.EachPrimary(ctx, func(addr string, node redis.Conn) error {
		pointers := reader{node, pipelined}
		records := pointers
		if addr != "" { // a Cluster, in which other servers have most of the records
			conn, err := s.Pool.GetContext(ctx)
			if err != nil {
				return err
			}
			defer conn.Close()
			records = reader{conn, spread}
		}
		for cursor := "0"; ; {
			if err := ctx.Err(); err != nil {
				return err
			}
			keys, err := scan(node, &cursor, s.Keys.Pattern(f.To, f.From))
			if err != nil {
				return err
			}
			snapshots, err := read(s.Keys, unseen(seen, keys), pointers, records)
			if err != nil {
				return err
			}
			if err := visit(snapshots); err != nil || cursor == "0" {
				return err
			}
		}
	})
}

// scan returns the next page of keys and moves the cursor.
func scan(node redis.Conn, cursor *string, pattern string) (keys []string, err error) {
	reply, err := redis.Values(node.Do("SCAN", *cursor, "MATCH", pattern, "COUNT", pageSize))
	if err == nil {
		_, err = redis.Scan(reply, cursor, &keys)
	}
	return keys, err
}

// unseen removes the keys that were seen before, and remembers the others.
func unseen(seen *simplelru.LRU[string, struct{}], keys []string) []string {
	fresh := keys[:0]
	for _, key := range keys {
		if !seen.Contains(key) {
			seen.Add(key, struct{}{})
			fresh = append(fresh, key)
		}
	}
	return fresh
}
