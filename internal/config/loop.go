package config

import (
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	"smsession/internal/hostname"
	"smsession/internal/weburl"
)

// ownAddress returns the setting with an address of this service to which the URL of the app leads, or "". It makes no
// DNS lookup, so it cannot know a name that leads here in another way. The service refuses such a request when it
// arrives.
func ownAddress(c Config) string {
	listens := func(addr string) bool {
		host, port, err := net.SplitHostPort(addr)
		return err == nil && port == c.App.URL.Port() && listensAt(hostname.Of(host), hostname.Of(c.App.URL.Host))
	}
	switch {
	case isSamePlace(c.App.URL, c.WebhookURL):
		return "WEBHOOK_URL"
	case isSamePlace(c.App.URL, c.FallbackURL):
		return "FALLBACK_URL"
	case listens(c.Addr):
		return "ADDR"
	case listens(c.AdminAddr):
		return "ADMIN_ADDR"
	}
	return ""
}

// isSamePlace reports whether two URLs have the same host, port and path. The ports 80 and 443 count as the same,
// because a proxy usually serves the same routes on both.
func isSamePlace(a, b weburl.URL) bool {
	port := func(u weburl.URL) string {
		if u.Port() == "443" {
			return "80"
		}
		return u.Port()
	}
	path := func(u weburl.URL) string { return strings.TrimSuffix(u.Parsed().Path, "/") }
	return hostname.Of(a.Host) == hostname.Of(b.Host) && port(a) == port(b) && path(a) == path(b)
}

// listensAt reports whether a listener of this host with the name or address own can be reached under the name or
// address host.
func listensAt(own, host string) bool {
	ip, err := netip.ParseAddr(host)
	isIP := err == nil
	if isIP && ip.IsUnspecified() { // a connection to it goes to this host
		host, isIP = "localhost", false
	}
	ownIP, err := netip.ParseAddr(own)
	switch hasOwnIP := err == nil; {
	case own == "" || hasOwnIP && ownIP.IsUnspecified():
		return hostname.IsLoopback(host) || isOwnName(host) || isIP && isOwnIP(ip)
	case own == host || hasOwnIP && isIP && ownIP.Unmap() == ip.Unmap():
		return true
	case hasOwnIP && isIP: // another address of this host may be the app's
		return false
	}
	return hostname.IsLoopback(own) && hostname.IsLoopback(host)
}

// isOwnName reports whether name is the name of this host.
func isOwnName(name string) bool {
	own, err := os.Hostname()
	return err == nil && hostname.Of(own) == name
}

// isOwnIP reports whether an interface of this host has the address.
func isOwnIP(ip netip.Addr) bool {
	addrs, err := net.InterfaceAddrs()
	return err == nil && slices.ContainsFunc(addrs, func(a net.Addr) bool {
		prefix, err := netip.ParsePrefix(a.String())
		return err == nil && prefix.Addr().Unmap() == ip.Unmap().WithZone("")
	})
}
