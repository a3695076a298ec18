package config

import (
	"net/url"
	"slices"
	"strings"
)

// setParameters reads the parameters after the ?. A problem never quotes a value. It quotes a name only if it is the
// name of a parameter of Redis clients: after an unescaped ? in a password, the "name" is the rest of the password.
func (r *Redis) setParameters(u *url.URL) (problems []string) {
	if u.RawQuery == "" && !u.ForceQuery {
		return nil
	}
	var seen, unsupported []string
	unnamed := u.RawQuery == ""
	for parameter := range strings.FieldsFuncSeq(u.RawQuery, func(c rune) bool { return c == '&' || c == ';' }) {
		name, raw, _ := strings.Cut(parameter, "=")
		value, err := url.PathUnescape(raw) // a plus is not a space, as in the password before the host
		switch {
		case !r.takes(name):
			unnamed = unnamed || !isClientParameter(name)
			if isClientParameter(name) && !slices.Contains(unsupported, name) {
				unsupported = append(unsupported, name)
			}
		case slices.Contains(seen, name):
			problems = append(problems, "has the query parameter "+name+" twice")
		case err != nil:
			problems = append(problems, "has a query parameter "+name+" with a broken escape")
		default:
			if problem := r.setParameter(name, value); problem != "" {
				problems = append(problems, "has a query parameter "+name+" that "+problem)
			}
		}
		seen = append(seen, name)
	}
	if !slices.Contains(seen, "sentinel_tls") {
		r.SentinelTLS = r.TLS && r.Topology == Sentinel
	}
	if len(unsupported) > 0 || unnamed {
		problems = append(problems, unsupportedParameters(unsupported))
	}
	return problems
}

func unsupportedParameters(names []string) string {
	what := "has a query parameter that is not supported"
	switch len(names) {
	case 0:
	case 1:
		what = "the query parameter " + names[0] + " is not supported"
	default:
		what = "the query parameters " + strings.Join(names, ", ") + " are not supported"
	}
	return what + "; in a password ? is written %3F"
}

// takes reports whether a parameter has a meaning in this topology.
func (r *Redis) takes(name string) bool {
	switch name {
	case "ca_file", "cert_file", "key_file", "server_name":
		return r.Topology != Unix
	case "tls":
		return r.Topology == Sentinel || r.Topology == Cluster // with one server, rediss:// means the same
	case "db":
		return r.Topology == Sentinel || r.Topology == Unix
	case "sentinel_username", "sentinel_password", "sentinel_tls":
		return r.Topology == Sentinel
	}
	return false
}

// setParameter sets one parameter. It returns what is wrong with the value, or "".
func (r *Redis) setParameter(name, value string) (problem string) {
	if value == "" {
		return "is empty"
	}
	switch name {
	case "ca_file":
		r.CAFile = value
	case "cert_file":
		r.CertFile = value
	case "key_file":
		r.KeyFile = value
	case "server_name":
		if r.ServerName = value; !isHost(value) {
			return "is neither a name nor an IP address"
		}
	case "db":
		if !r.setDatabase(value) {
			return "is not a database number"
		}
	case "sentinel_username":
		r.SentinelUsername = value
	case "sentinel_password":
		r.SentinelPassword = value
	case "tls":
		if r.TLS && value == "false" {
			return "contradicts rediss"
		}
		return setTruth(&r.TLS, value)
	case "sentinel_tls":
		return setTruth(&r.SentinelTLS, value)
	}
	return ""
}

func setTruth(to *bool, value string) (problem string) {
	if value != "true" && value != "false" {
		return "is neither true nor false"
	}
	*to = value == "true"
	return ""
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
