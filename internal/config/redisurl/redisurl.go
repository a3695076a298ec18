// Package redisurl parses and prints the URL of a Redis: one server, a server on a Unix socket, a primary that
// Sentinels watch, or a Cluster. It opens no connection.
//
// A Redis URL contains passwords. No error quotes any part of a URL, because a password may be in the wrong place. A
// URL is printed and logged with its passwords masked.
package redisurl

import (
	"crypto/tls"
	"log/slog"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Topology is the kind of Redis that a URL names.
type Topology string

// The topologies.
const (
	Standalone Topology = ""         // one server
	Unix       Topology = "unix"     // one server on a Unix socket
	Sentinel   Topology = "sentinel" // a primary and its replicas, watched by Sentinels
	Cluster    Topology = "cluster"  // a Redis Cluster
)

// mask is printed in place of a password.
const mask = "•••"

// URL is a parsed Redis URL. The zero URL names no Redis. A URL may be copied and read concurrently.
type URL struct {
	Topology Topology
	// Addrs has the host:port of the server, of the Sentinels or of some nodes of the Cluster, or the path of the Unix
	// socket. An IPv6 host is in brackets. Only Sentinel and Cluster can have several.
	Addrs []string
	// Primary is the name that the Sentinels use for the primary.
	Primary string
	// Database is the number for SELECT.
	Database int
	// Redis is the login at the servers. Sentinels is the login at the Sentinels.
	Redis, Sentinels Login
	// CAFile, CertFile, KeyFile and ServerName are the parameters that the TLS configurations were made from.
	CAFile, CertFile, KeyFile, ServerName string
}

// Login is a user and a password for AUTH, and the encryption of the connection.
type Login struct {
	// Without a user name, the password is that of the default user. If both are empty, no AUTH is sent.
	Username, Password string
	// TLS is nil for plain TCP. It may contain a private key. It must not be changed.
	TLS *tls.Config
}

// logins returns the logins that the URL needs.
func (u *URL) logins() []*Login {
	if u.Topology == Sentinel {
		return []*Login{&u.Redis, &u.Sentinels}
	}
	return []*Login{&u.Redis}
}

// SameServers reports whether u and other name the same servers, primary and database, and use TLS for the same
// connections. Users, passwords, certificates and server names may differ.
func (u URL) SameServers(other URL) bool {
	return u.Topology == other.Topology && slices.Equal(u.Addrs, other.Addrs) &&
		u.Primary == other.Primary && u.Database == other.Database &&
		(u.Redis.TLS == nil) == (other.Redis.TLS == nil) && (u.Sentinels.TLS == nil) == (other.Sentinels.TLS == nil)
}

// LogValue returns the result of String, so that a logged URL shows no secret.
func (u URL) LogValue() slog.Value { return slog.StringValue(u.String()) }

// String returns the URL with its passwords masked and with the port of each host. It returns "" for the zero URL.
// Parse accepts the result if there are no passwords.
func (u URL) String() string {
	if len(u.Addrs) == 0 {
		return ""
	}
	scheme, path, login := "redis", "", ""
	if u.Redis.TLS != nil {
		scheme = "rediss"
	}
	if u.Topology != Standalone {
		scheme += "+" + string(u.Topology)
	}
	addrs := strings.ReplaceAll(strings.Join(u.Addrs, ","), "%", "%25") // % begins the zone of an IPv6 address
	switch u.Topology {
	case Standalone:
		path = "/" + strconv.Itoa(u.Database)
	case Sentinel:
		path = "/" + u.Primary
	case Unix:
		addrs = (&url.URL{Path: u.Addrs[0]}).EscapedPath()
	}
	switch user := url.User(u.Redis.Username).String(); {
	case u.Redis.Password != "":
		login = user + ":" + mask + "@"
	case user != "":
		login = user + ":@"
	}
	return scheme + "://" + login + addrs + path + u.query()
}
