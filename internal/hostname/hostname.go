// Package hostname reads the host of a Host header and says whose it is. It
// looks nothing up.
package hostname

import (
	"net"
	"net/netip"
	"strings"
)

// Of returns the name or IP address in a Host header: without the port, the
// brackets of an IPv6 address and one trailing dot, and in lower case. What is
// not well formed is returned as it is, and is then neither an address nor a
// known name.
func Of(host string) string {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	} else if inner, ok := strings.CutPrefix(host, "["); ok {
		name = strings.TrimSuffix(inner, "]")
	}
	return strings.ToLower(strings.TrimSuffix(name, "."))
}

// IsLoopback reports whether a name from Of is this host's own: localhost, a
// name below it (RFC 6761, section 6.3), or a loopback address.
func IsLoopback(name string) bool {
	return name == "localhost" || strings.HasSuffix(name, ".localhost") || IsLoopbackIP(name)
}

// IsLoopbackIP reports whether a name from Of is a loopback address.
func IsLoopbackIP(name string) bool {
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.IsLoopback()
}

// IsIP reports whether a name from Of is an IP address. No DNS answer leads a
// browser to a page that it knows by an address, so DNS rebinding needs a name.
func IsIP(name string) bool {
	_, err := netip.ParseAddr(name)
	return err == nil
}
