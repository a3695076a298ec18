package redisurl

import (
	"errors"
	"fmt"
	"maps"
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
	value string                   // the present value; "" for the default
}

// parameters returns the parameters that have a meaning in the topology of u.
func (u *URL) parameters() []parameter {
	differs := (u.Sentinels.TLS == nil) != (u.Redis.TLS == nil)
	all := []parameter{
		{"db", u.setDatabase, valueIf(u.Database != 0, strconv.Itoa(u.Database))},
		{"sentinel_username", setText(&u.Sentinels.Username), escaped(u.Sentinels.Username)},
		{"sentinel_password", setText(&u.Sentinels.Password), masked(u.Sentinels.Password)},
		{"tls", u.setTLS, valueIf(u.Redis.TLS != nil, "true")},
		{"ca_file", setText(&u.CAFile), escaped(u.CAFile)},
		{"cert_file", setText(&u.CertFile), escaped(u.CertFile)},
		{"key_file", setText(&u.KeyFile), escaped(u.KeyFile)},
		{"server_name", u.setServerName, escaped(u.ServerName)},
		{"sentinel_tls", u.Sentinels.setTLS, valueIf(differs, strconv.FormatBool(u.Sentinels.TLS != nil))}, // after its default, tls
	}
	switch u.Topology {
	case Unix:
		return all[:1] // db
	case Sentinel:
		return all
	case Cluster:
		return all[3:8] // tls and what goes with it
	}
	return all[4:8] // without tls, because the scheme is rediss
}

// setParameters parses the query. No error quotes a value. An error quotes a name only if it is the name of a parameter
// of a Redis client: after an unescaped ? in a password, the "name" is the rest of the password.
func (u *URL) setParameters(parsed *url.URL) error {
	query, err := url.ParseQuery(strings.ReplaceAll(parsed.RawQuery, "+", "%2B")) // a plus is not a space, as in the password
	if err != nil {                                                               // err quotes the query
		return errors.New("has an invalid escape or a semicolon in its query")
	}
	if parsed.ForceQuery { // nothing follows the ?
		query.Set("", "")
	}
	var problems []error
	for _, p := range u.parameters() {
		values, isSet := query[p.name]
		switch {
		case len(values) > 1:
			problems = append(problems, fmt.Errorf("has the query parameter %s twice", p.name))
		case isSet && values[0] == "":
			problems = append(problems, fmt.Errorf("has a query parameter %s that is empty", p.name))
		case isSet:
			if err := p.set(values[0]); err != nil {
				problems = append(problems, fmt.Errorf("has a query parameter %s that %w", p.name, err))
			}
		}
		delete(query, p.name)
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		err := errUnsupported
		if isClientParameter(name) {
			err = fmt.Errorf("has the query parameter %s, which is not supported; in a password, write %%3F for ?", name)
		}
		if !slices.Contains(problems, err) {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

var errUnsupported = errors.New("has a query parameter that is not supported; in a password, write %3F for ?")

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

// setTLS sets the encryption of all connections. The parameter sentinel_tls may change that of the Sentinels.
func (u *URL) setTLS(value string) error {
	if u.Redis.TLS != nil && value == "false" {
		return errors.New("contradicts rediss")
	}
	err := u.Redis.setTLS(value)
	if u.Topology == Sentinel {
		u.Sentinels.TLS = u.Redis.TLS
	}
	return err
}

func (l *Login) setTLS(value string) error {
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

// escaped returns value as setParameters reads it.
func escaped(value string) string { return strings.ReplaceAll(url.PathEscape(value), "&", "%26") }

func masked(secret string) string { return valueIf(secret != "", Mask) }

func valueIf(isSet bool, value string) string {
	if !isSet {
		return ""
	}
	return value
}
