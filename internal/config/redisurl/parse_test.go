package redisurl_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"smsession/internal/config/redisurl"
)

// noFiles is a readFile for tests. It reads no file and returns an error.
func noFiles(string) ([]byte, error) { return nil, errors.New("cannot be read") }

// encrypted returns the TLS configuration of a URL that names no certificates.
func encrypted() *tls.Config { return &tls.Config{MinVersion: tls.VersionTLS12} }

func TestParse(t *testing.T) {
	server := func(addr string, login redisurl.Login) redisurl.URL {
		return redisurl.URL{Addrs: []string{addr}, Redis: login}
	}
	none := redisurl.Login{}
	rows := []struct {
		name, url string
		want      redisurl.URL
	}{
		{"the port is 6379 by default", "redis://redis", server("redis:6379", none)},
		{"a port is kept", "redis://redis.example:7000", server("redis.example:7000", none)},
		{"rediss is TLS", "rediss://redis", server("redis:6379", redisurl.Login{TLS: encrypted()})},
		{"the case of the scheme does not matter", "REDISS://redis", server("redis:6379", redisurl.Login{TLS: encrypted()})},
		{"the path is the database", "redis://redis/3", redisurl.URL{Addrs: []string{"redis:6379"}, Database: 3}},
		{"a path of one slash is database 0", "redis://redis/", server("redis:6379", none)},
		{"the login is before the host", "redis://app:pass@redis", server("redis:6379", redisurl.Login{Username: "app", Password: "pass"})},
		{"a password without a user is the password of the default user", "redis://:pass@redis", server("redis:6379", redisurl.Login{Password: "pass"})},
		{"a user may have an empty password", "redis://app:@redis", server("redis:6379", redisurl.Login{Username: "app"})},
		{"user and password are percent-decoded", "redis://a%40b:%2F%3f%23%25@redis", server("redis:6379", redisurl.Login{Username: "a@b", Password: "/?#%"})},
		{"a plus is not a space", "redis://:a+b@redis", server("redis:6379", redisurl.Login{Password: "a+b"})},
		{"white space in a password is kept", "redis://:%20a%20@redis", server("redis:6379", redisurl.Login{Password: " a "})},
		{"an IPv6 host is in brackets", "redis://[::1]:7000/1", redisurl.URL{Addrs: []string{"[::1]:7000"}, Database: 1}},
		{"an IPv6 host gets the default port", "redis://:p@[2001:db8::1]", server("[2001:db8::1]:6379", redisurl.Login{Password: "p"})},
		{"Sentinels name the primary", "redis+sentinel://a,b:7000/my-master",
			redisurl.URL{Topology: redisurl.Sentinel, Addrs: []string{"a:26379", "b:7000"}, Primary: "my-master"}},
		{"a URL of Sentinels may have all parameters",
			"Redis+Sentinel://app:pass@a:1,[::1]/m?tls=true&sentinel_tls=false&db=3&sentinel_username=u&sentinel_password=p+%26%3d",
			redisurl.URL{Topology: redisurl.Sentinel, Addrs: []string{"a:1", "[::1]:26379"}, Primary: "m", Database: 3,
				Redis:     redisurl.Login{Username: "app", Password: "pass", TLS: encrypted()},
				Sentinels: redisurl.Login{Username: "u", Password: "p+&="}}},
		{"tls is for the Sentinels too", "redis+sentinel://a/m?tls=true",
			redisurl.URL{Topology: redisurl.Sentinel, Addrs: []string{"a:26379"}, Primary: "m",
				Redis: redisurl.Login{TLS: encrypted()}, Sentinels: redisurl.Login{TLS: encrypted()}}},
		{"rediss is for the Sentinels too", "rediss+sentinel://a/m",
			redisurl.URL{Topology: redisurl.Sentinel, Addrs: []string{"a:26379"}, Primary: "m",
				Redis: redisurl.Login{TLS: encrypted()}, Sentinels: redisurl.Login{TLS: encrypted()}}},
		{"Sentinels may have TLS when Redis has none", "redis+sentinel://a/m?sentinel_tls=true",
			redisurl.URL{Topology: redisurl.Sentinel, Addrs: []string{"a:26379"}, Primary: "m",
				Sentinels: redisurl.Login{TLS: encrypted()}}},
		{"a Cluster has several nodes", "redis+cluster://:pass@a,b:7000/0",
			redisurl.URL{Topology: redisurl.Cluster, Addrs: []string{"a:6379", "b:7000"},
				Redis: redisurl.Login{Password: "pass"}}},
		{"server_name is the name in the certificates of a Cluster", "redis+cluster://a?tls=true&server_name=redis.example.com",
			redisurl.URL{Topology: redisurl.Cluster, Addrs: []string{"a:6379"}, ServerName: "redis.example.com",
				Redis: redisurl.Login{TLS: &tls.Config{MinVersion: tls.VersionTLS12,
					ServerName: "redis.example.com"}}}},
		{"a Unix socket is a path", "redis+unix:///run/redis.sock", redisurl.URL{Topology: redisurl.Unix, Addrs: []string{"/run/redis.sock"}}},
		{"a Unix socket may have a login and a database", "redis+unix://app:p%40ss@/run/my%20redis.sock?db=15",
			redisurl.URL{Topology: redisurl.Unix, Addrs: []string{"/run/my redis.sock"}, Database: 15,
				Redis: redisurl.Login{Username: "app", Password: "p@ss"}}},
		{"a URL of one server may have all parts", "rediss://app:pass@10.0.0.1:6380/15",
			redisurl.URL{Addrs: []string{"10.0.0.1:6380"}, Database: 15,
				Redis: redisurl.Login{Username: "app", Password: "pass", TLS: encrypted()}}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got, err := redisurl.Parse(row.url, noFiles)
			if err != nil || !reflect.DeepEqual(got, row.want) {
				t.Errorf("got %#v, %v; want %#v", got, err, row.want)
			}
		})
	}
}

func TestParseFaults(t *testing.T) {
	const (
		invalid  = "the URL is invalid: in a user or password, write %40 for @, %2F for /, %3A for :, %3F for ?, %23 for #, %25 for % and %20 for a space"
		noURL    = "the value must be a URL such as redis://localhost:6379"
		scheme   = "the URL must begin with redis:// or, for TLS, rediss://, or with redis+unix://, redis+sentinel:// or redis+cluster://"
		database = "the path of the URL must be a database number, such as /0"
		login    = "the URL has a user without a password: write user:password@host, or :password@host for the default user"
		noHost   = "the URL has no host"
		port     = "the port is not a number from 1 to 65535"
		host     = "the host is neither a name nor an IP address"
		several  = "the URL has more than one host: only redis+sentinel:// and redis+cluster:// allow several"
		primary  = "the URL does not name the primary: after the hosts, write the name that the Sentinels use, such as /mymaster"
		socket   = "the URL must have the path of a Unix socket and no host, such as redis+unix:///run/redis/redis.sock"
		fragment = "the URL must not have a #; in a password, write %23 for #"
		noTLS    = "the URL has query parameters for TLS, but no TLS: use rediss://, or tls=true with Sentinel and Cluster"
		half     = "the URL has only one of the query parameters cert_file and key_file: a client certificate needs both"
		unknown  = "a query parameter is not supported; in a password, write %3F for ?"
	)
	unsupported := func(name string) string {
		return "the query parameter " + name +
			" is not supported with this kind of Redis; in a password, write %3F for ?"
	}
	must := func(name, want string) string { return "the query parameter " + name + " must " + want }
	rows := []struct {
		name, url string
		want      []string
	}{
		{"the value must be a URL", "localhost:6379", []string{noURL}},
		{"a password without a URL is not quoted", "S3cr3t", []string{noURL}},
		{"the scheme must be a scheme of Redis", "http://localhost", []string{scheme}},
		{"the scheme must name a known topology", "redis+http://localhost", []string{scheme}},
		{"a plus in the scheme needs a topology", "redis+://localhost", []string{scheme}},
		{"a Unix socket must have no TLS", "rediss+unix:///run/redis.sock", []string{scheme}},
		{"a Unix socket must have a path", "redis+unix://", []string{socket}},
		{"a Unix socket must not be a directory", "redis+unix:///run/", []string{socket}},
		{"a Unix socket must have no host", "redis+unix://run/redis.sock", []string{socket}},
		{"a Unix socket must have no host after the login", "redis+unix://app:pass@h/run/redis.sock", []string{socket}},
		{"the database of a Unix socket must be a number", "redis+unix:///run/redis.sock?db=x", []string{must("db", "be a database number, such as 0")}},
		{"a Unix socket must have no certificates", "redis+unix:///run/redis.sock?ca_file=/ca.pem", []string{unsupported("ca_file")}},
		{"the user of a Unix socket needs a password", "redis+unix://app@/run/redis.sock", []string{login}},
		{"the URL must have a host", "redis://", []string{noHost}},
		{"the URL must have a host before the port", "redis://:p@:6379", []string{noHost}},
		{"one server must have one host", "redis://a,b", []string{several}},
		{"one server must have one host and port", "redis://a:1,b:2", []string{several}},
		{"the host must have only the characters of a name", "redis://<host>", []string{host}},
		{"the port must be a number", "redis://h:x", []string{invalid}},
		{"the port must be at least 1", "redis://h:0", []string{port}},
		{"the port must be at most 65535", "redis://h:65536", []string{port}},
		{"the port must not be empty", "redis://h:", []string{port}},
		{"a database must be a number", "redis://h/x", []string{database}},
		{"a database must not be negative", "redis://h/-1", []string{database}},
		{"a database must have no sign", "redis://h/+1", []string{database}},
		{"a database must be one number", "redis://h/1/2", []string{database}},
		{"a database must fit 31 bits", "redis://h/2147483648", []string{database}},
		{"a user without a password is ambiguous", "redis://user@h", []string{login}},
		{"an invalid escape is refused", "redis://:%zz@h", []string{invalid}},
		{"a space is refused", "redis://:a b@h", []string{invalid}},
		{"a control character is refused", "redis://h/\x01", []string{invalid}},
		{"the error names a parameter of another topology", "redis://h?db=3&db=4", []string{unsupported("db")}},
		{"an unknown parameter is not quoted", "redis://h?timeout=1s&S3cr3t&db=3", []string{unsupported("db"), unknown}},
		{"an unknown parameter may be half of a password", "redis://user:12?34&56@h", []string{unknown}},
		{"an empty query is refused", "redis://h?", []string{unknown}},
		{"a fragment may be half of a password", "redis://user:pass@h#34@h", []string{fragment}},
		{"an empty fragment is refused", "redis://h#", []string{fragment}},
		{"Sentinels need the name of the primary", "redis+sentinel://a,b", []string{primary}},
		{"the primary must have one name", "redis+sentinel://a,b/my/master", []string{primary}},
		{"the name of the primary must have only the characters that Sentinel allows", "redis+sentinel://a,b/my%20master", []string{primary}},
		{"the port of each Sentinel is checked", "redis+sentinel://a:1,b:0/m", []string{port}},
		{"each Sentinel must have a host", "redis+sentinel://a,,b/m", []string{noHost}},
		{"the same fault of several hosts is reported once", "redis+sentinel://a:0,,b:0,/m", []string{port, noHost}},
		{"the login must be before the first host", "redis+cluster://a,b@c,d", []string{login}},
		{"a Cluster must have one database", "redis+cluster://a/1", []string{"the URL has a path: a Cluster has only database 0"}},
		{"a Cluster must have no database parameter", "redis+cluster://a?db=1", []string{unsupported("db")}},
		{"a Cluster must have no Sentinels", "redis+cluster://a?sentinel_password=S3cr3t", []string{unsupported("sentinel_password")}},
		{"one server must have no tls parameter", "rediss://a?tls=true", []string{unsupported("tls")}},
		{"tls cannot contradict the scheme", "rediss+cluster://a?tls=false", []string{must("tls", "be true, because the URL begins with rediss")}},
		{"tls must be true or false", "redis+cluster://a?tls=yes", []string{must("tls", "be true or false")}},
		{"db must be a number", "redis+sentinel://a/m?db=x", []string{must("db", "be a database number, such as 0")}},
		{"a parameter must have a value", "redis+sentinel://a/m?sentinel_username", []string{must("sentinel_username", "have one value")}},
		{"a parameter must be set once", "redis+sentinel://a/m?db=1&db=2", []string{must("db", "have one value")}},
		{"a parameter must have valid escapes", "redis+sentinel://a/m?sentinel_password=%zz", []string{"the query has an invalid escape or a semicolon; write %25 for % and %3B for ;"}},
		{"server_name must be a name", "rediss://a?server_name=%2F", []string{must("server_name", "be a name or an IP address")}},
		{"a ca_file needs TLS", "redis://a?ca_file=/ca.pem", []string{noTLS}},
		{"a server_name needs TLS", "redis+sentinel://a/m?server_name=b&tls=false", []string{noTLS}},
		{"a certificate needs its key", "rediss://a?cert_file=/cert.pem", []string{half}},
		{"a key needs its certificate", "rediss://a?key_file=/key.pem", []string{half}},
		{"everything is reported at once", "redis://user@h:0/x?db=1#", []string{port, login, database, unsupported("db"), fragment}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got, err := redisurl.Parse(row.url, noFiles)
			if !reflect.DeepEqual(got, redisurl.URL{}) {
				t.Errorf("got %v together with the error", got)
			}
			if lines := strings.Split(fmt.Sprint(err), "\n"); !slices.Equal(lines, row.want) {
				t.Errorf("\ngot  %q\nwant %q", lines, row.want)
			}
		})
	}
}

func TestString(t *testing.T) {
	rows := []struct{ name, url, want string }{
		{"only the password is masked", "rediss://a%40b:pass@h:1/3", "rediss://a%40b:•••@h:1/3"},
		{"a password without a user is masked", "redis://:pass@[::1]", "redis://:•••@[::1]:6379/0"},
		{"an empty password is not masked", "redis://user:@h", "redis://user:@h:6379/0"},
		{"both passwords of Sentinel are masked", "redis+sentinel://a:pass@h,i/m?sentinel_password=pass&db=1&tls=true",
			"rediss+sentinel://a:•••@h:26379,i:26379/m?db=1&sentinel_password=•••"},
		{"all nodes of a Cluster are printed", "redis+cluster://h,i:1", "redis+cluster://h:6379,i:1"},
		{"the path of a Unix socket is escaped", "redis+unix://a:pass@/run/my%20redis%3F.sock?db=3", "redis+unix://a:•••@/run/my%20redis%3F.sock?db=3"},
		{"database 0 of a Unix socket is not printed", "redis+unix:///run/redis.sock?db=0", "redis+unix:///run/redis.sock"},
		{"the zone of an IPv6 address is escaped", "redis://[fe80::1%25eth0]", "redis://[fe80::1%25eth0]:6379/0"},
		{"parameters are escaped", "redis+sentinel://h/m?sentinel_username=%26%3D+%3B", "redis+sentinel://h:26379/m?sentinel_username=%26=+%3B"},
		{"the TLS of the Sentinels is printed where it differs", "rediss+sentinel://h/m?sentinel_tls=false&server_name=c",
			"rediss+sentinel://h:26379/m?server_name=c&sentinel_tls=false"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			u, err := redisurl.Parse(row.url, noFiles)
			if err != nil || u.String() != row.want || u.LogValue().String() != row.want {
				t.Errorf("got %v, %v, want %s", u, err, row.want)
			}
		})
	}
	if got := (redisurl.URL{}).String(); got != "" {
		t.Errorf("the zero URL is %q", got)
	}
}

func TestSameServers(t *testing.T) {
	rows := []struct {
		name, before, after string
		want                bool
	}{
		{"another password", "redis://app:old@redis", "redis://app:new@redis", true},
		{"another user", "redis://app:old@redis", "redis://new:old@redis", true},
		{"another login at the Sentinels", "redis+sentinel://s/p", "redis+sentinel://s/p?sentinel_username=u&sentinel_password=new", true},
		{"another server name", "rediss://redis", "rediss://redis?server_name=other", true},
		{"another spelling of the same URL", "redis://:old@redis", "redis://:new@redis:6379/0", true},
		{"another host", "redis://redis", "redis://other", false},
		{"an additional host", "redis+sentinel://a/p", "redis+sentinel://a,b/p", false},
		{"another port", "redis://redis", "redis://redis:6380", false},
		{"another database", "redis://redis", "redis://redis/1", false},
		{"TLS in place of plain TCP", "redis://redis", "rediss://redis", false},
		{"plain TCP in place of TLS", "rediss://redis", "redis://redis", false},
		{"TLS only at the Sentinels", "redis+sentinel://s/p", "redis+sentinel://s/p?sentinel_tls=true", false},
		{"another primary", "redis+sentinel://s/p", "redis+sentinel://s/q", false},
		{"another topology", "redis://redis", "redis+cluster://redis", false},
	}
	for _, row := range rows {
		t.Run(fmt.Sprintf("%s means the same servers: %t", row.name, row.want), func(t *testing.T) {
			before, err := redisurl.Parse(row.before, noFiles)
			after, afterErr := redisurl.Parse(row.after, noFiles)
			if err != nil || afterErr != nil || before.SameServers(after) != row.want {
				t.Errorf("got %t, %v, %v", !row.want, err, afterErr)
			}
		})
	}
}
