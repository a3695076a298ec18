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
	topologies []Topology
	want       string                  // the condition for its value, for the error
	set        func(value string) bool // sets the field; reports false if the value is wrong
	value      string                  // the present value, escaped; "" for the default
}

// parameters returns all parameters. They set the fields of u and print them.
func (u *URL) parameters() []parameter {
	sentinel, several := []Topology{Sentinel}, []Topology{Sentinel, Cluster}
	socket, network := []Topology{Sentinel, Unix}, []Topology{Standalone, Sentinel, Cluster}
	database, password, sentinelTLS, wantTLS := "", "", "", "true or false"
	if u.Sentinels.Password != "" {
		password = mask
	}
	if encrypted := u.Sentinels.TLS != nil; encrypted != (u.Redis.TLS != nil) {
		sentinelTLS = strconv.FormatBool(encrypted)
	}
	if u.Redis.TLS != nil {
		wantTLS = "true, because the URL begins with rediss"
	}
	if u.Database != 0 {
		database = strconv.Itoa(u.Database)
	}
	return []parameter{
		{"db", socket, "a database number, such as 0", u.setDatabase, database},
		{"sentinel_username", sentinel, "", setText(&u.Sentinels.Username), escape(u.Sentinels.Username)},
		{"sentinel_password", sentinel, "", setText(&u.Sentinels.Password), password},
		{"tls", several, wantTLS, setTLS(u.Redis.TLS != nil, u.logins()...), ""}, // String prints rediss instead
		{"ca_file", network, "", setText(&u.CAFile), escape(u.CAFile)},
		{"cert_file", network, "", setText(&u.CertFile), escape(u.CertFile)},
		{"key_file", network, "", setText(&u.KeyFile), escape(u.KeyFile)},
		{"server_name", network, "a name or an IP address", u.setServerName, escape(u.ServerName)},
		{"sentinel_tls", sentinel, "true or false", setTLS(false, &u.Sentinels), sentinelTLS}, // overrides tls
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
// parameters: if a password contains an unescaped ?, the rest of the password looks like a name.
func (u *URL) setParameters(parsed *url.URL) error {
	// a plus does not mean a space here, as in the password
	query, err := url.ParseQuery(strings.ReplaceAll(parsed.RawQuery, "+", "%2B"))
	if err != nil { // err quotes the query
		return errors.New("the query has an invalid escape or a semicolon; write %25 for % and %3B for ;")
	}
	var problems []error
	for _, p := range u.parameters() {
		values, isSet := query[p.name]
		switch {
		case !isSet:
		case !slices.Contains(p.topologies, u.Topology):
			problems = append(problems, fmt.Errorf("the query parameter %s is not supported with this kind of Redis; "+
				"in a password, write %%3F for ?", p.name))
		case len(values) > 1 || values[0] == "":
			problems = append(problems, fmt.Errorf("the query parameter %s must have one value", p.name))
		case !p.set(values[0]):
			problems = append(problems, fmt.Errorf("the query parameter %s must be %s", p.name, p.want))
		}
		delete(query, p.name)
	}
	if len(query) > 0 || parsed.ForceQuery { // ForceQuery: nothing follows the ?
		problems = append(problems, errors.New("a query parameter is not supported; in a password, write %3F for ?"))
	}
	return errors.Join(problems...)
}

func setText(target *string) func(string) bool {
	return func(value string) bool {
		*target = value
		return true
	}
}

// setTLS returns a function that sets the encryption of logins. If isFixed is true, the function does not accept false.
func setTLS(isFixed bool, logins ...*Login) func(string) bool {
	return func(value string) bool {
		for _, login := range logins {
			login.TLS = nil
			if value == "true" {
				login.TLS = newTLS()
			}
		}
		return value == "true" || value == "false" && !isFixed
	}
}

func (u *URL) setDatabase(value string) bool {
	database, err := strconv.ParseUint(value, 10, 31) // 31 bits fit an int everywhere
	u.Database = int(database)
	return err == nil
}

func (u *URL) setServerName(value string) bool {
	u.ServerName = value
	return hostname.Valid(value)
}

// escape returns value in the form that setParameters parses.
func escape(value string) string { return strings.ReplaceAll(url.PathEscape(value), "&", "%26") }
