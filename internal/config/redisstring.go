package config

import (
	"log/slog"
	"net/url"
	"strconv"
	"strings"
)

// String returns the URL of r with its passwords masked. Nothing else is masked. It returns "" for the zero Redis.
func (r Redis) String() string {
	if r.Addr == "" {
		return ""
	}
	scheme, path := "redis", "/"+strconv.Itoa(r.Database)
	switch {
	case r.Topology == Unix:
		scheme, path = "redis+unix", ""
	case r.Topology == Sentinel:
		scheme, path = "redis+sentinel", "/"+r.Primary
	case r.Topology == Cluster:
		scheme, path = "redis+cluster", ""
	case r.TLS:
		scheme = "rediss"
	}
	addr := strings.ReplaceAll(r.Addr, "%", "%25") // the sign before an IPv6 zone
	if r.Topology == Unix {
		addr = (&url.URL{Path: r.Addr}).EscapedPath()
	}
	text := scheme + "://" + r.login() + addr + path
	if parameters := r.parameters(); len(parameters) > 0 {
		text += "?" + strings.Join(parameters, "&")
	}
	return text
}

// LogValue returns the result of String, so that a logged Redis shows no secret.
func (r Redis) LogValue() slog.Value {
	return slog.StringValue(r.String())
}

// login returns the part of the URL before the host.
func (r Redis) login() string {
	if r.Username == "" && r.Password == "" {
		return ""
	}
	return url.User(r.Username).String() + ":" + maskIf(r.Password) + "@"
}

// parameters returns the query parameters that differ from their defaults.
func (r Redis) parameters() []string {
	var parameters []string
	add := func(name, value string) {
		if value != "" {
			parameters = append(parameters, name+"="+value)
		}
	}
	escaped := func(name, value string) { add(name, strings.ReplaceAll(url.PathEscape(value), "&", "%26")) }
	if r.Topology != Standalone && r.TLS {
		add("tls", "true")
	}
	if r.Database != 0 && r.Topology != Standalone {
		add("db", strconv.Itoa(r.Database))
	}
	if r.Topology == Sentinel {
		escaped("sentinel_username", r.SentinelUsername)
		add("sentinel_password", maskIf(r.SentinelPassword))
		if r.SentinelTLS != r.TLS {
			add("sentinel_tls", strconv.FormatBool(r.SentinelTLS))
		}
	}
	escaped("ca_file", r.CAFile)
	escaped("cert_file", r.CertFile)
	escaped("key_file", r.KeyFile)
	escaped("server_name", r.ServerName)
	return parameters
}

func maskIf(secret string) string {
	if secret == "" {
		return ""
	}
	return mask
}
