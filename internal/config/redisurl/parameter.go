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
	name       string
	topologies []Topology               // in which it is supported
	set        func(value string) error // parses a value that is not empty
	value      string                   // the present value, escaped; "" for the default
}

// parameters returns all parameters. They parse into u and print u.
func (u *URL) parameters() []parameter {
	withDB, manyHosts := []Topology{Unix, Sentinel}, []Topology{Sentinel, Cluster}
	onlySentinel, withTLS := []Topology{Sentinel}, []Topology{Standalone, Sentinel, Cluster}
	database, password, sentinelTLS := "", "", ""
	if u.Database != 0 {
		database = strconv.Itoa(u.Database)
	}
	if u.Sentinels.Password != "" {
		password = Mask
	}
	if encrypted := u.Sentinels.TLS != nil; encrypted != (u.Redis.TLS != nil) {
		sentinelTLS = strconv.FormatBool(encrypted)
	}
	return []parameter{
		{"db", withDB, u.setDatabase, database},
		{"sentinel_username", onlySentinel, setText(&u.Sentinels.Username), escape(u.Sentinels.Username)},
		{"sentinel_password", onlySentinel, setText(&u.Sentinels.Password), password},
		{"tls", manyHosts, u.setTLS, ""}, // is printed as rediss
		{"ca_file", withTLS, setText(&u.CAFile), escape(u.CAFile)},
		{"cert_file", withTLS, setText(&u.CertFile), escape(u.CertFile)},
		{"key_file", withTLS, setText(&u.KeyFile), escape(u.KeyFile)},
		{"server_name", withTLS, u.setServerName, escape(u.ServerName)},
		{"sentinel_tls", onlySentinel, u.Sentinels.setTLS, sentinelTLS}, // after tls, which is its default
	}
}

// query returns the parameters that differ from their defaults, as the query of a URL.
func (u *URL) query() string {
	query, separator := "", "?"
	for _, p := range u.parameters() {
		if p.value != "" && slices.Contains(p.topologies, u.Topology) {
			query += separator + p.name + "=" + p.value
			separator = "&"
		}
	}
	return query
}

// setParameters parses the query. No error quotes a value. An error quotes a name only if it is the name of one of our
// parameters: after an unescaped ? in a password, the "name" is the rest of the password.
func (u *URL) setParameters(parsed *url.URL) error {
	query, err := url.ParseQuery(strings.ReplaceAll(parsed.RawQuery, "+", "%2B")) // a plus is not a space, as in the password
	if err != nil {                                                               // err quotes the query
		return errors.New("has an invalid escape or a semicolon in its query")
	}
	var problems []error
	for _, p := range u.parameters() {
		if values, isSet := query[p.name]; isSet {
			problems = append(problems, u.setParameter(p, values))
			delete(query, p.name)
		}
	}
	if len(query) > 0 || parsed.ForceQuery { // ForceQuery: nothing follows the ?
		problems = append(problems, errors.New("has a query parameter that is not supported; in a password, write %3F for ?"))
	}
	return errors.Join(problems...)
}

func (u *URL) setParameter(p parameter, values []string) error {
	switch {
	case !slices.Contains(p.topologies, u.Topology):
		return fmt.Errorf("has the query parameter %s, which is not supported; in a password, write %%3F for ?", p.name)
	case len(values) > 1:
		return fmt.Errorf("has the query parameter %s twice", p.name)
	case values[0] == "":
		return fmt.Errorf("has a query parameter %s that is empty", p.name)
	}
	if err := p.set(values[0]); err != nil {
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

// escape returns value as setParameters reads it.
func escape(value string) string { return strings.ReplaceAll(url.PathEscape(value), "&", "%26") }
