package redispool

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/redispool/node"
)

// The names of the warnings. They are label values of a metric that alerts use, so a new version must not change them.
const (
	warnEviction    = "eviction_possible"
	warnPersistence = "persistence_off"
	warnVersion     = "redis_too_old"
)

// minVersion is the lowest major version of Redis that is supported.
const minVersion = 7

// Warnings returns the names of all warnings of [Check].
func Warnings() []string { return []string{warnEviction, warnPersistence, warnVersion} }

// Check reads the settings of each server that accepts writes. For each setting that can lose sessions, and for an old
// version, it returns the name of a warning with a sentence for an operator. It gives no warning about a setting that
// it cannot read, because many hosted Redis services forbid CONFIG. If Check returns an error, it has not checked every
// server, but the warnings that it returns are valid.
func Check(ctx context.Context, pool *Pool) (map[string]string, error) {
	found := map[string]string{}
	err := pool.EachPrimary(ctx, func(_ string, c redis.Conn) error {
		checkServer(c, found)
		if err := c.Err(); err != nil { // a lost reply is an error, not a setting that cannot be read
			return err
		}
		return ctx.Err()
	})
	if err != nil {
		return found, fmt.Errorf("check the settings of Redis: %w", err)
	}
	return found, nil
}

// checkServer adds the warnings about one server. Every key of ours has a time to live, so each eviction policy except
// noeviction can evict our keys.
// See https://redis.io/docs/latest/develop/reference/eviction/.
func checkServer(c redis.Conn, found map[string]string) {
	if policy, isKnown := setting(c, "maxmemory-policy"); isKnown && policy != "noeviction" {
		found[warnEviction] = fmt.Sprintf("Redis may evict sessions when its memory is full: maxmemory-policy is %s; "+
			"set it to noeviction", policy)
	}
	appendOnly, _ := setting(c, "appendonly")
	if save, isKnown := setting(c, "save"); isKnown && save == "" && appendOnly == "no" {
		found[warnPersistence] = "Redis loses every session when it restarts: neither appendonly nor save is set; " +
			"set appendonly to yes"
	}
	info, _ := redis.String(c.Do("INFO", "server"))
	_, rest, _ := strings.Cut(info, "redis_version:")
	version, _, _ := strings.Cut(rest, "\r\n")
	major, _, _ := strings.Cut(version, ".")
	if n, err := strconv.Atoi(major); err == nil && n < minVersion {
		found[warnVersion] = fmt.Sprintf("Redis %s is too old: upgrade to version %d.0 or later", version, minVersion)
	}
}

func setting(c redis.Conn, name string) (value string, isKnown bool) {
	pair, err := redis.Strings(c.Do("CONFIG", "GET", name))
	if err != nil || len(pair) != 2 {
		return "", false
	}
	return pair[1], true
}

var errClusterNode = node.Refuse(errors.New("this Redis is one node of a Cluster and has only a part of the keys: " +
	"begin REDIS_URL with redis+cluster:// or rediss+cluster://"))

// refuseClusterNode returns an error if a single server is a node of a Cluster. A node would run our scripts, list only
// its own keys, and refuse most messages. HELLO returns the mode, and no ACL forbids HELLO. A server that does not
// answer HELLO is not a node of a Cluster but a proxy: Envoy returns an error, and twemproxy closes the connection.
// See https://redis.io/docs/latest/commands/hello/.
func refuseClusterNode(c redis.Conn) error {
	reply, err := redis.Values(c.Do("HELLO"))
	if network, ok := errors.AsType[net.Error](err); ok && network.Timeout() {
		return err
	}
	if c.Err() != nil {
		return node.ErrRedial
	}
	for i := 0; i+1 < len(reply); i += 2 {
		name, _ := redis.String(reply[i], nil)
		if mode, _ := redis.String(reply[i+1], nil); name == "mode" && mode == "cluster" {
			return errClusterNode
		}
	}
	return nil
}
