package redispool

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gomodule/redigo/redis"
)

// Warning describes a setting of Redis that can lose sessions.
type Warning struct {
	Name string // one of the Warn constants, in snake_case; it is the same in every version
	Text string // a sentence for an operator
}

// The names of warnings.
const (
	WarnEviction    = "eviction_possible"
	WarnPersistence = "persistence_off"
	WarnVersion     = "redis_too_old"
)

// Warnings returns the names of all warnings.
func Warnings() []string { return []string{WarnEviction, WarnPersistence, WarnVersion} }

// oldest is the first version of Redis that is supported.
const oldest = 7

// Check reads the settings of each server that accepts writes, and returns its warnings, each name once. It gives no
// warning about a setting that it cannot read, because many hosted Redis services forbid CONFIG. If it returns an
// error, it has not checked every server, and the warnings are those that it found before.
func Check(ctx context.Context, pool *Pool) ([]Warning, error) {
	var found []Warning
	err := pool.EachPrimary(ctx, func(_ string, c redis.Conn) error {
		for _, check := range []func(redis.Conn) (Warning, bool){eviction, persistence, version} {
			w, bad := check(c)
			if bad && !slices.ContainsFunc(found, func(f Warning) bool { return f.Name == w.Name }) {
				found = append(found, w)
			}
		}
		if err := c.Err(); err != nil { // a lost answer is an error, not a setting that cannot be read
			return err
		}
		return ctx.Err()
	})
	if err != nil {
		return found, fmt.Errorf("look at Redis's settings: %w", err)
	}
	return found, nil
}

// eviction warns of a policy that can evict our keys. Every key has a time to live, so each policy except noeviction
// can do this.
// See https://redis.io/docs/latest/develop/reference/eviction/.
func eviction(c redis.Conn) (Warning, bool) {
	policy, known := setting(c, "maxmemory-policy")
	return Warning{WarnEviction, fmt.Sprintf("Redis may evict sessions when its memory is full: maxmemory-policy is %s; "+
		"set it to noeviction", policy)}, known && policy != "noeviction"
}

func persistence(c redis.Conn) (Warning, bool) {
	appendOnly, appendKnown := setting(c, "appendonly")
	save, saveKnown := setting(c, "save")
	return Warning{WarnPersistence, "Redis loses every session when it restarts: neither appendonly nor save is set; " +
		"set appendonly to yes"}, appendKnown && saveKnown && appendOnly == "no" && save == ""
}

func version(c redis.Conn) (Warning, bool) {
	info, err := redis.String(c.Do("INFO", "server"))
	if err != nil {
		return Warning{}, false
	}
	_, rest, _ := strings.Cut(info, "redis_version:")
	number, _, _ := strings.Cut(rest, "\r\n")
	major, _, _ := strings.Cut(number, ".")
	n, err := strconv.Atoi(major)
	return Warning{WarnVersion, fmt.Sprintf("Redis is older than %d.0, the oldest version that is supported: it is %s",
		oldest, number)}, err == nil && n < oldest
}

func setting(c redis.Conn, name string) (value string, known bool) {
	pair, err := redis.Strings(c.Do("CONFIG", "GET", name))
	if err != nil || len(pair) != 2 {
		return "", false
	}
	return pair[1], true
}
