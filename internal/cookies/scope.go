package cookies

import (
	"cmp"
	"net/url"
	"strings"

	"smsession/internal/hostname"
)

// scope says to which URLs a browser sends a cookie.
type scope struct {
	domain   string
	hostOnly bool // not to the hosts below domain
	path     string
	secure   bool
}

// scopeOf returns the scope that a browser gives to a cookie which a server has set (RFC 6265, section 5.3).
func scopeOf(c SetCookie, from *url.URL) scope {
	s := scope{domain: c.Domain, hostOnly: c.Domain == "", path: c.Path, secure: c.Secure}
	if s.hostOnly {
		s.domain = host(from)
	}
	if s.path == "" {
		s.path = defaultPath(path(from))
	}
	return s
}

// Accepts reports whether a browser accepts the cookie from a URL. The cookie's domain must be the URL's host or a domain
// above it. Of the public suffixes, Accepts knows only those without a dot.
func (c SetCookie) Accepts(from *url.URL) bool {
	if c.Domain == "" || c.Domain == host(from) {
		return true
	}
	return strings.Contains(c.Domain, ".") && isBelow(host(from), c.Domain)
}

// matches reports whether a browser sends the cookie to a URL (RFC 6265, section 5.4, step 1).
func (s scope) matches(to *url.URL) bool {
	isSecure := strings.EqualFold(to.Scheme, "https") || hostname.IsLoopback(host(to))
	if s.secure && !isSecure {
		return false
	}
	if host(to) != s.domain && (s.hostOnly || !isBelow(host(to), s.domain)) {
		return false
	}
	rest, found := strings.CutPrefix(path(to), s.path)
	return found && (rest == "" || rest[0] == '/' || strings.HasSuffix(s.path, "/"))
}

func host(u *url.URL) string { return strings.ToLower(u.Hostname()) }

func path(u *url.URL) string { return cmp.Or(u.EscapedPath(), "/") }

// isBelow reports whether a host is in a domain. An IP address is in no domain.
func isBelow(host, domain string) bool {
	return !hostname.IsIP(host) && strings.HasSuffix(host, "."+domain)
}

// defaultPath returns the path of a cookie that has none (RFC 6265, section 5.1.4).
func defaultPath(path string) string {
	if last := strings.LastIndexByte(path, '/'); last > 0 {
		return path[:last]
	}
	return "/"
}
