package config

import (
	"strings"

	"smsession/internal/config/redisurl"
)

// redis checks REDIS_URL or the content of its file. No fault quotes a part of the URL.
func (c *checker) redis(f RedisFlags) {
	name, value, ok := c.secret("REDIS_URL", f.RedisURL, f.RedisURLFile, "such as redis://localhost:6379")
	if !ok {
		return
	}
	redis, err := redisurl.Parse(value, readFile)
	c.faultEach(name, err)
	c.config.Redis = redis
}

// prefix checks REDIS_PREFIX. Braces are refused because they would move all keys to one slot of a Cluster. The other
// refused characters are patterns of SCAN's MATCH.
// See https://redis.io/docs/latest/commands/keys/ for the patterns.
func (c *checker) prefix(f PrefixFlags) {
	const name, longest = "REDIS_PREFIX", 64
	prefix := strings.TrimSpace(f.RedisPrefix)
	if prefix == "" {
		return
	}
	if len(prefix) > longest {
		c.fault(name, "must not be longer than %d bytes", longest)
	}
	foreign := func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`{}*?[]\`, r) }
	if strings.ContainsFunc(prefix, foreign) {
		c.fault(name, `must be printable ASCII without spaces and without any of { } * ? [ ] \`)
	}
	c.config.RedisPrefix = prefix
}

// pool checks REDIS_WAIT_REPLICAS and REDIS_CONNECTIONS. By default, Redis accepts 10,000 clients in all, which the
// replicas of the service share.
func (c *checker) pool(f PoolFlags) {
	c.count(f.RedisWaitReplicas, &c.config.WaitReplicas, "REDIS_WAIT_REPLICAS", 0, 100)
	c.count(f.RedisConnections, &c.config.Connections, "REDIS_CONNECTIONS", 1, 4096)
}
