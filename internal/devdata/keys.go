package devdata

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gomodule/redigo/redis"
)

// stringsScript returns the name, the value and the time to live in milliseconds of every string. A script, because a
// record and the pointer to it must be of the same moment. KEYS blocks a large Redis, but this one is embedded.
var stringsScript = redis.NewScript(0, `
local all = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
	local value = redis.pcall('GET', key)
	if type(value) == 'string' then
		table.insert(all, key)
		table.insert(all, value)
		table.insert(all, redis.call('PTTL', key))
	end
end
return all`)

// noExpiry is what PTTL returns for a key that does not expire. It returns 0 for a key in its last millisecond, and -2
// for one that has just expired. See https://redis.io/docs/latest/commands/pttl/.
const noExpiry = -1

// Snapshot returns the strings in the embedded Redis as they are at one moment, sorted by name, without those that are
// named. It leaves out keys of other types: the service has none. It returns an error if Redis does not answer.
func Snapshot(ctx context.Context, pool *redis.Pool, except ...string) ([]Key, error) {
	conn, err := pool.GetContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the keys of Redis: %w", err)
	}
	defer conn.Close()
	all, err := redis.Values(stringsScript.Do(conn))
	now := time.Now().UTC()
	keys := []Key{}
	for err == nil && len(all) > 0 {
		var key Key
		var left int64
		if all, err = redis.Scan(all, &key.Name, &key.Value, &left); left != noExpiry {
			key.Expires = now.Add(time.Duration(left) * time.Millisecond)
		}
		if !slices.Contains(except, string(key.Name)) {
			keys = append(keys, key)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read the keys of Redis: %w", err)
	}
	slices.SortFunc(keys, func(a, b Key) int { return bytes.Compare(a.Name, b.Name) })
	return keys, nil
}

// Restore writes keys to Redis. It leaves out those that have expired at the time now: time counts while no dev runs.
// It returns an error if Redis does not answer, and may then have written some of the keys.
func Restore(ctx context.Context, pool *redis.Pool, keys []Key, now time.Time) error {
	conn, err := pool.GetContext(ctx)
	if err != nil {
		return fmt.Errorf("write the keys of Redis: %w", err)
	}
	defer conn.Close()
	for _, key := range keys {
		args := []any{key.Name, key.Value}
		if left := key.Expires.Sub(now).Milliseconds(); !key.Expires.IsZero() && left <= 0 {
			continue
		} else if !key.Expires.IsZero() {
			args = append(args, "PX", left)
		}
		if _, err := conn.Do("SET", args...); err != nil {
			return fmt.Errorf("write the keys of Redis: %w", err)
		}
	}
	return nil
}
