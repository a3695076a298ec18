package redisurl

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"smsession/internal/hostname"
)

// parameter is a query parameter of a Redis URL.
type parameter struct {
	name  string
	set   func(value string) error // parses a value that is not empty
	value string                   // the present value, masked and escaped; "" for the default
}

// parameters returns the parameters that have a meaning in the topology of u,
// in the order in which String prints them.
func (u *URL) parameters() []parameter {
	tlsFiles := []parameter{
		{"ca_file", setText(&u.CAFile), escaped(u.CAFile)},
		{"cert_file", setText(&u.CertFile), escaped(u.CertFile)},
		{"key_file", setText(&u.KeyFile), escaped(u.KeyFile)},
		{"server_name", u.setServerName, escaped(u.ServerName)},
	}
	useTLS := parameter{"tls", u.setTLS, valueIf(u.Redis.TLS != nil, "true")}
	database := parameter{"db", u.setDatabase, valueIf(u.Database != 0, strconv.Itoa(u.Database))}
	switch u.Topology {
	case Unix:
		return []parameter{database}
	case Cluster:
		return append([]parameter{useTLS}, tlsFiles...)
	case Sentinel:
		differs := (u.Sentinels.TLS == nil) != (u.Redis.TLS == nil)
		return append([]parameter{
			useTLS,
			database,
			{"sentinel_username", setText(&u.Sentinels.Username), escaped(u.Sentinels.Username)},
			{"sentinel_password", setText(&u.Sentinels.Password), masked(u.Sentinels.Password)},
			{"sentinel_tls", setTLS(&u.Sentinels), valueIf(differs, strconv.FormatBool(u.Sentinels.TLS != nil))},
		}, tlsFiles...)
	}
	return tlsFiles
}

// setParameters parses the parameters after the ?. No error quotes a value. An
// error quotes a name only if it is the name of a parameter of a Redis client:
// after an unescaped ? in a password, the "name" is the rest of the password.
func (u *URL) setParameters(parsed *url.URL) error {
	var problems []error
	if parsed.ForceQuery { // there is nothing after the ?
		problems = append(problems, errUnsupported)
	}
	supported, seen := u.parameters(), map[string]bool{}
	for field := range strings.FieldsFuncSeq(parsed.RawQuery, func(r rune) bool { return r == '&' || r == ';' }) {
		name, value, _ := strings.Cut(field, "=")
		i := slices.IndexFunc(supported, func(p parameter) bool { return p.name == name })
		if i < 0 && !isClientParameter(name) {
			name = ""
		}
		switch {
		case i >= 0 && seen[name]:
			problems = append(problems, fmt.Errorf("has the query parameter %s twice", name))
		case i >= 0:
			problems = append(problems, supported[i].parse(value))
		case seen[name]: // once is enough
		case name == "":
			problems = append(problems, errUnsupported)
		default:
			problems = append(problems, fmt.Errorf("has the query parameter %s, which is not supported; in a password, write %%3F for ?", name))
		}
		seen[name] = true
	}
	if u.Topology == Sentinel && !seen["sentinel_tls"] {
		u.Sentinels.TLS = u.Redis.TLS
	}
	return errors.Join(problems...)
}

var errUnsupported = errors.New("has a query parameter that is not supported; in a password, write %3F for ?")

// parse parses the value as it is in the URL. A plus is not a space there, as in the password before the host.
func (p parameter) parse(escaped string) error {
	value, err := url.PathUnescape(escaped)
	switch {
	case err != nil:
		return fmt.Errorf("has a query parameter %s with an invalid escape", p.name) // err quotes the value
	case value == "":
		return fmt.Errorf("has a query parameter %s that is empty", p.name)
	}
	if err := p.set(value); err != nil {
		return fmt.Errorf("has a query parameter %s that %w", p.name, err)
	}
	return nil
}

func setText(target *string) func(string) error {
	return func(value string) error {
		*target = value
		return nil
	}
}

func (u *URL) setDatabase(value string) error {
	database, err := strconv.ParseUint(value, 10, 31) // 31 bits fit an int everywhere
	if err != nil {
		return errors.New("is not a database number")
	}
	u.Database = int(database)
	return nil
}

func (u *URL) setServerName(value string) error {
	if !hostname.Valid(value) {
		return errors.New("is neither a name nor an IP address")
	}
	u.ServerName = value
	return nil
}

func (u *URL) setTLS(value string) error {
	if u.Redis.TLS != nil && value == "false" {
		return errors.New("contradicts rediss")
	}
	return setTLS(&u.Redis)(value)
}

func setTLS(l *Login) func(string) error {
	return func(value string) error {
		switch value {
		case "true":
			l.TLS = newTLS()
		case "false":
			l.TLS = nil
		default:
			return errors.New("is neither true nor false")
		}
		return nil
	}
}

func valueIf(set bool, value string) string {
	if !set {
		return ""
	}
	return value
}

// escaped returns value as setParameters reads it.
func escaped(value string) string { return strings.ReplaceAll(url.PathEscape(value), "&", "%26") }

// isClientParameter reports whether this service or another Redis client has a parameter with this name.
func isClientParameter(name string) bool {
	return slices.Contains([]string{
		"ca_file", "cert_file", "client_name", "conn_max_idle_time", "conn_max_lifetime", "conn_timeout", "database", "db",
		"dial_timeout", "family", "health_check_interval", "insecure", "key_file", "master_name", "max_connections",
		"max_idle_conns", "max_retries", "min_idle_conns", "password", "pool_size", "pool_timeout", "protocol",
		"read_timeout", "sentinel_password", "sentinel_tls", "sentinel_username", "server_name", "skip_verify",
		"socket_connect_timeout", "socket_timeout", "ssl", "ssl_ca_certs", "ssl_cert_reqs", "ssl_certfile",
		"ssl_keyfile", "timeout", "tls", "user", "username", "write_timeout",
	}, name)
}
