package redisurl

import (
	"cmp"
	"errors"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"smsession/internal/hostname"
)

// primaryName matches the names that Sentinel itself accepts.
// See https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/.
var primaryName = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

var errInvalid = errors.New("the URL is invalid: in a user or password, write %40 for @, %2F for /, %3A for :, %3F for ?, " +
	"%23 for #, %25 for % and %20 for a space")

// Parse parses a Redis URL. It calls readFile for the certificates and keys that the URL names. readFile may be nil if
// the URL names none. The error joins one error for each fault of the URL, which is a sentence without its full stop.
// An error of readFile becomes the end of a sentence, such as "cannot be read". It must not contain the path.
func Parse(raw string, readFile func(path string) ([]byte, error)) (URL, error) {
	scheme, rest, found := strings.Cut(raw, "://")
	if !found {
		return URL{}, errors.New("the value must be a URL such as redis://localhost:6379")
	}
	var u URL
	if err := u.setScheme(scheme); err != nil {
		return URL{}, err
	}
	hosts, rest := cutHosts(rest)
	parsed, err := url.Parse("redis://" + rest)
	if err != nil { // err quotes the URL
		return URL{}, errInvalid
	}
	err = errors.Join(u.setAddrs(hosts, parsed.Path), u.setLogin(parsed.User), u.setPath(parsed.Path),
		u.setParameters(parsed))
	if strings.Contains(raw, "#") {
		err = errors.Join(err, errors.New("the URL must not have a #; in a password, write %23 for #"))
	}
	if err == nil {
		err = u.readCertificates(readFile)
	}
	if err != nil {
		return URL{}, err
	}
	return u, nil
}

// setScheme sets the topology and TLS. Its error does not quote the scheme, because the text before :// may be a
// password.
func (u *URL) setScheme(scheme string) error {
	switch scheme := strings.ToLower(scheme); scheme {
	case "redis", "rediss", "redis+unix", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster":
		base, topology, _ := strings.Cut(scheme, "+")
		u.Topology = Topology(topology)
		setTLS(false, u.logins()...)(strconv.FormatBool(base == "rediss"))
		return nil
	}
	return errors.New("the URL must begin with redis:// or, for TLS, rediss://, or with redis+unix://, redis+sentinel:// or " +
		"redis+cluster://")
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
func (u *URL) setAddrs(hosts []string, path string) error {
	if u.Topology == Unix {
		if hosts[0] != "" || strings.HasSuffix(path, "/") || path == "" {
			return errors.New("the URL must have the path of a Unix socket and no host, such as redis+unix:///run/redis/redis.sock")
		}
		u.Addrs = []string{path}
		return nil
	}
	if len(hosts) > 1 && u.Topology == Standalone {
		return errors.New("the URL has more than one host: only redis+sentinel:// and redis+cluster:// allow several")
	}
	var problems []error
	for _, host := range hosts {
		addr, err := u.parseAddr(host)
		if !slices.Contains(problems, err) {
			problems = append(problems, err)
		}
		u.Addrs = append(u.Addrs, addr)
	}
	return errors.Join(problems...)
}

// parseAddr parses one host, which may have a port, and returns its address with a port.
func (u *URL) parseAddr(raw string) (string, error) {
	parsed, err := url.Parse("redis://" + raw)
	if err != nil || parsed.User != nil {
		return "", errInvalid
	}
	if err := hostname.Check(parsed); err != nil {
		return "", err
	}
	port := "6379"
	if u.Topology == Sentinel {
		port = "26379"
	}
	return net.JoinHostPort(parsed.Hostname(), cmp.Or(parsed.Port(), port)), nil
}

// setLogin sets the user and the password. It refuses a name without a password: some clients send the name as the
// user, and others, such as redis-cli, send it as the password.
func (u *URL) setLogin(user *url.Userinfo) error {
	password, given := user.Password()
	if user.Username() != "" && !given {
		return errors.New("the URL has a user without a password: write user:password@host, or :password@host for the default user")
	}
	u.Redis.Username, u.Redis.Password = user.Username(), password
	return nil
}

// setPath parses the path, which is the name of the primary for Sentinel, and the database for one server.
func (u *URL) setPath(path string) error {
	path = strings.TrimPrefix(path, "/")
	switch {
	case u.Topology == Sentinel && !primaryName.MatchString(path):
		return errors.New("the URL does not name the primary: after the hosts, write the name that the Sentinels use, such as /mymaster")
	case u.Topology == Sentinel:
		u.Primary = path
	case u.Topology == Cluster && path != "" && path != "0":
		return errors.New("the URL has a path: a Cluster has only database 0")
	case u.Topology == Standalone && path != "" && !u.setDatabase(path):
		return errors.New("the path of the URL must be a database number, such as /0")
	}
	return nil
}
