package config

import (
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// redis checks REDIS_URL or what its file holds. Nothing of it is quoted.
func (c *checker) redis(f RedisFlags) {
	name, value, ok := c.secret("REDIS_URL", f.RedisURL, f.RedisURLFile, "such as redis://localhost:6379")
	if !ok {
		return
	}
	redis, problems := parseRedisURL(value)
	for _, problem := range problems {
		c.fault(name, "%s", problem)
	}
	c.config.Redis = redis
}

// parseRedisURL returns the Redis that raw names, or everything that is wrong
// with raw.
func parseRedisURL(raw string) (Redis, []string) {
	if problem := redisSchemeProblem(raw); problem != "" {
		return Redis{}, []string{problem}
	}
	u, err := url.Parse(raw) // err quotes the URL
	if err != nil {
		return Redis{}, []string{"is not a valid URL; in a user or password, write %40 for @, %2F for /, %3A for :, " +
			"%3F for ?, %23 for #, %25 for % and %20 for a space"}
	}
	redis := Redis{TLS: u.Scheme == "rediss"}
	problems := append(redis.setAddr(u), redis.setLogin(u.User)...)
	problems = append(problems, redis.setDatabase(u.Path)...)
	problems = append(problems, redisExtraProblems(u, strings.Contains(raw, "#"))...)
	if len(problems) > 0 {
		return Redis{}, problems
	}
	return redis, nil
}

// redisSchemeProblem names only the schemes it knows: in a malformed URL what
// stands before :// may be a password.
func redisSchemeProblem(raw string) string {
	scheme, _, found := strings.Cut(raw, "://")
	if !found {
		return "is not a URL, such as redis://localhost:6379"
	}
	switch scheme = strings.ToLower(scheme); scheme {
	case "redis", "rediss":
		return ""
	case "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster":
		return scheme + ":// is not supported by this version yet: use redis:// or rediss://"
	}
	return "must begin with redis:// or, for TLS, rediss://"
}

func (r *Redis) setAddr(u *url.URL) (problems []string) {
	port := "6379"
	if u.Port() != "" || strings.HasSuffix(u.Host, ":") {
		var ok bool
		if port, ok = portNumber(u.Port(), 1); !ok {
			problems = append(problems, "has a port that is not a number from 1 to 65535")
		}
	}
	switch host := u.Hostname(); {
	case host == "":
		problems = append(problems, "has no host; a URL with one is redis://localhost:6379")
	case strings.Contains(u.Host, ","):
		problems = append(problems, "has more than one host; this version connects to one")
	case !isHost(host):
		problems = append(problems, "has a host that is neither a name nor an IP address")
	}
	r.Addr = net.JoinHostPort(u.Hostname(), port)
	return problems
}

// setLogin refuses a name alone: some clients take it for the user, others,
// redis-cli among them, for the password.
func (r *Redis) setLogin(user *url.Userinfo) (problems []string) {
	password, given := user.Password()
	if user.Username() != "" && !given {
		return []string{"has no password: write user:password@host, or :password@host for the default user"}
	}
	r.Username, r.Password = user.Username(), password
	return nil
}

func (r *Redis) setDatabase(path string) (problems []string) {
	digits := strings.TrimPrefix(path, "/")
	if digits == "" {
		return nil
	}
	database, err := strconv.ParseUint(digits, 10, 31) // 31 bits fit an int everywhere
	if err != nil {
		return []string{"has a path that is not a database number, such as /0"}
	}
	r.Database = int(database)
	return nil
}

// redisExtraProblems refuses what other clients put behind a ?, and the # that
// only an unescaped password brings.
func redisExtraProblems(u *url.URL, fragment bool) (problems []string) {
	if fragment {
		problems = append(problems, "must not have a #; in a password it is written %23")
	}
	if u.RawQuery == "" && !u.ForceQuery {
		return problems
	}
	what := "query parameters are not supported"
	if names := knownParameters(u.RawQuery); len(names) > 0 {
		what = "the query parameter " + strings.Join(names, ", ") + " is not supported"
		if len(names) > 1 {
			what = "the query parameters " + strings.Join(names, ", ") + " are not supported"
		}
	}
	return append(problems, what+"; in a password ? is written %3F")
}

// knownParameters returns which names in query are ones that Redis clients
// know. Other names are not repeated: behind an unescaped ? in a password the
// "name" is the rest of the password.
func knownParameters(query string) []string {
	known := []string{
		"client_name", "conn_max_idle_time", "conn_max_lifetime", "conn_timeout", "database", "db",
		"dial_timeout", "family", "health_check_interval", "max_connections", "max_idle_conns", "max_retries",
		"min_idle_conns", "password", "pool_size", "pool_timeout", "protocol", "read_timeout", "skip_verify",
		"socket_connect_timeout", "socket_timeout", "ssl", "ssl_ca_certs", "ssl_cert_reqs", "ssl_certfile",
		"ssl_keyfile", "timeout", "tls", "user", "username", "write_timeout",
	}
	var names []string
	for parameter := range strings.FieldsFuncSeq(query, func(r rune) bool { return r == '&' || r == ';' }) {
		name, _, _ := strings.Cut(parameter, "=")
		if slices.Contains(known, name) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// prefix checks REDIS_PREFIX. Braces would move all keys to one slot of a
// cluster, and the rest are what SCAN's MATCH takes for patterns.
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

// replicas checks REDIS_WAIT_REPLICAS, of which only 0 is built.
func (c *checker) replicas(f ReplicaFlags) {
	const name = "REDIS_WAIT_REPLICAS"
	value := strings.TrimSpace(f.RedisWaitReplicas)
	if value == "" {
		return
	}
	n, err := strconv.ParseUint(value, 10, 31)
	switch {
	case err != nil:
		c.fault(name, "%s is not a whole number from 0 on", quote(value))
	case n > 0:
		c.fault(name, "waiting for Redis replicas is not built yet: leave it at 0")
	}
}
