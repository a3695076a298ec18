package inspect

import "hash/maphash"

// recently remembers at least the last four thousand keys that a search has found, by their hashes, in some 300 KB however
// many there are: to know them all would hold a million.
//
// SCAN may bring a key again. Its cursor goes through the table so that when this shrinks meanwhile, only the bucket that
// the cursor stands in is gone through again: what it held came shortly before, and is little: a table shrinks when nine of ten buckets are empty.
// See https://redis.io/docs/latest/commands/scan/#scan-guarantees and dictScan in https://github.com/redis/redis, src/dict.c.
//
// Two keys of one search that have the same 64 bits would be taken for one: of a million, once in 10^8 searches.
type recently struct {
	seed         maphash.Seed
	newer, older map[uint64]struct{}
}

// generation is how many keys are found before the generation before last is forgotten.
const generation = 1 << 12

// fresh returns the keys that were not found recently. It writes over them.
func (r *recently) fresh(keys []string) []string {
	if r.newer == nil {
		r.seed, r.newer = maphash.MakeSeed(), map[uint64]struct{}{}
	}
	kept := keys[:0]
	for _, key := range keys {
		hash := maphash.String(r.seed, key)
		_, before := r.newer[hash]
		_, longBefore := r.older[hash]
		if before || longBefore {
			continue
		}
		if len(r.newer) == generation {
			r.older, r.newer = r.newer, make(map[uint64]struct{}, generation)
		}
		r.newer[hash] = struct{}{}
		kept = append(kept, key)
	}
	return kept
}
