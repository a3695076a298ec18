package config

import (
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const invalidRedisURL = "is not a valid URL; in a user or password, write %40 for @, %2F for /, %3A for :, " +
	"%3F for ?, %23 for #, %25 for % and %20 for a space"

// parseRedisURL returns the Redis that raw names, or everything that is wrong
// with raw.
func parseRedisURL(raw string) (Redis, []string) {
	scheme, rest, found := strings.Cut(raw, "://")
	redis, problem := redisScheme(scheme, found)
	if problem != "" {
		return Redis{}, []string{problem}
	}
	hosts, rest := cutHosts(rest)
	u, err := url.Parse("redis://" + rest) // err quotes the URL
	if err != nil {
		return Redis{}, []string{invalidRedisURL}
	}
	problems := redis.setAddrs(hosts, u.Path)
	if slices.Contains(problems, invalidRedisURL) {
		return Redis{}, []string{invalidRedisURL}
	}
	problems = append(problems, redis.setLogin(u.User)...)
	problems = append(problems, redis.setPath(u)...)
	if strings.Contains(raw, "#") {
		problems = append(problems, "must not have a #; in a password it is written %23")
	}
	problems = append(problems, redis.setParameters(u)...)
	if len(problems) == 0 {
		problems = redis.readCertificates()
	}
	if len(problems) > 0 {
		return Redis{}, problems
	}
	return redis, nil
}

// redisScheme parses the scheme. A problem does not quote the scheme, because in a malformed URL the text before ://
// may be a password.
func redisScheme(scheme string, found bool) (Redis, string) {
	if !found {
		return Redis{}, "is not a URL, such as redis://localhost:6379"
	}
	base, topology, _ := strings.Cut(strings.ToLower(scheme), "+")
	secure := base == "rediss"
	known := base == "redis" || secure
	named := topology == Sentinel || topology == Cluster || topology == Unix && !secure
	if !known || !named && strings.Contains(scheme, "+") {
		return Redis{}, "must begin with redis:// or, for TLS, rediss://, or with redis+unix://, redis+sentinel:// or redis+cluster://"
	}
	return Redis{Topology: topology, TLS: secure, SentinelTLS: secure && topology == Sentinel}, ""
}

// cutHosts cuts the hosts out of a URL without its scheme, because net/url allows only one host. left is the URL with
// the host name "host" in their place.
func cutHosts(rest string) (hosts []string, left string) {
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	begin := strings.LastIndexByte(rest[:end], '@') + 1
	return strings.Split(rest[begin:end], ","), rest[:begin] + "host" + rest[end:]
}

// setAddrs sets the hosts, or the path of a Unix socket.
func (r *Redis) setAddrs(hosts []string, path string) (problems []string) {
	if r.Topology == Unix {
		r.Addr = path
		if hosts[0] != "" || strings.HasSuffix(path, "/") || path == "" {
			return []string{"does not name a Unix socket by its path, such as redis+unix:///run/redis/redis.sock"}
		}
		return nil
	}
	if len(hosts) > 1 && r.Topology == Standalone {
		return []string{"has more than one host; only redis+sentinel:// and redis+cluster:// have several"}
	}
	var addrs []string
	for _, host := range hosts {
		addr, problem := r.addr(host)
		if problem != "" && !slices.Contains(problems, problem) {
			problems = append(problems, problem)
		}
		addrs = append(addrs, addr)
	}
	r.Addr = strings.Join(addrs, ",")
	return problems
}

// addr checks one host, which may have a port, and returns its address with a port.
func (r *Redis) addr(raw string) (addr, problem string) {
	u, err := url.Parse("redis://" + raw)
	if err != nil || u.User != nil {
		return "", invalidRedisURL
	}
	port := "6379"
	if r.Topology == Sentinel {
		port = "26379"
	}
	if u.Port() != "" || strings.HasSuffix(u.Host, ":") {
		var ok bool
		if port, ok = portNumber(u.Port(), 1); !ok {
			problem = "has a port that is not a number from 1 to 65535"
		}
	}
	switch host := u.Hostname(); {
	case host == "":
		problem = "has no host; a URL with one is redis://localhost:6379"
	case !isHost(host):
		problem = "has a host that is neither a name nor an IP address"
	}
	return net.JoinHostPort(u.Hostname(), port), problem
}

// setLogin refuses a user name without a password. Some clients read it as the user and others, such as redis-cli, as
// the password.
func (r *Redis) setLogin(user *url.Userinfo) (problems []string) {
	password, given := user.Password()
	if user.Username() != "" && !given {
		return []string{"has no password: write user:password@host, or :password@host for the default user"}
	}
	r.Username, r.Password = user.Username(), password
	return nil
}

// setPath reads the path: the name of the primary for Sentinel, and otherwise the database.
func (r *Redis) setPath(u *url.URL) (problems []string) {
	path := strings.TrimPrefix(u.Path, "/")
	switch r.Topology {
	case Unix: // the path is that of the socket
	case Sentinel:
		if !isPrimaryName(path) {
			return []string{"does not name the primary: behind the hosts comes what the Sentinels call it, such as /mymaster"}
		}
		r.Primary = path
	case Cluster:
		if path != "" && path != "0" {
			return []string{"has a path; a Cluster has only database 0"}
		}
	default:
		if !r.setDatabase(path) {
			return []string{"has a path that is not a database number, such as /0"}
		}
	}
	return nil
}

// isPrimaryName reports whether Sentinel itself accepts the name.
// See https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/.
func isPrimaryName(name string) bool {
	foreign := func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune(".-_", r))
	}
	return name != "" && !strings.ContainsFunc(name, foreign)
}

func (r *Redis) setDatabase(digits string) bool {
	if digits == "" {
		return true
	}
	database, err := strconv.ParseUint(digits, 10, 31) // 31 bits fit an int everywhere
	r.Database = int(database)
	return err == nil
}
