package cookies

import (
	"cmp"
	"net/http"
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

// newScope returns the scope that a browser gives to a cookie from a URL (RFC 6265, section 5.3). It returns ErrDomain if
// the cookie's domain is neither the URL's host nor a domain above it. Of the public suffixes, newScope knows only those
// without a dot.
func newScope(c *http.Cookie, from *url.URL) (scope, error) {
	s := scope{domain: strings.ToLower(strings.TrimPrefix(c.Domain, ".")), path: c.Path, secure: c.Secure}
	if s.domain == "" {
		s.domain, s.hostOnly = host(from), true
	}
	if !strings.HasPrefix(s.path, "/") {
		directory := path(from)[:strings.LastIndexByte(path(from), '/')]
		s.path = cmp.Or(directory, "/")
	}
	if s.domain != host(from) && !(strings.Contains(s.domain, ".") && isBelow(host(from), s.domain)) {
		return scope{}, ErrDomain
	}
	return s, nil
}

// matches reports whether a browser sends the cookie to a URL (RFC 6265, section 5.4, step 1).
func (s scope) matches(to *url.URL) bool {
	if s.secure && to.Scheme != "https" && !hostname.IsLoopback(host(to)) {
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
