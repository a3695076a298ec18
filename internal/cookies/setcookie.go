package cookies

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"smsession/internal/hostname"
)

// The errors of Parse. None of them quotes the header. After ErrIgnored and ErrDomain, the response is valid, but has
// not set the cookie. After ErrCharacter and ErrName, Twilio refuses the whole response
// (https://www.twilio.com/docs/api/errors/11206).
var (
	ErrIgnored   = errors.New("a Set-Cookie header has no equals sign, so browsers ignore it")
	ErrDomain    = errors.New("a cookie is set for a domain that is not the server's, so browsers refuse it")
	ErrCharacter = errors.New("a Set-Cookie header has a tab or a control character")
	ErrName      = errors.New("a Set-Cookie header has a cookie with an empty name")
)

// Parse parses a Set-Cookie header that is received at the time now. The name ends at the first equals sign. The
// value keeps its bytes and its quotes, but not the spaces around it (RFC 6265, section 5.2). If an attribute
// is given twice, the last one counts. Attributes that are unknown or malformed are ignored.
//
// Cookie.Expires is set from Max-Age, or else from Expires. If Cookie.Expires is not after now, the header deletes the
// cookie.
//
// If from is not nil, Path, Domain and Secure have the effect that they have in a browser for a response from this URL.
// Twilio's documentation does not mention them.
//
// The error is one of ErrIgnored, ErrDomain, ErrCharacter and ErrName.
func Parse(header string, from *url.URL, now time.Time) (Cookie, error) {
	if strings.ContainsAny(header, "\t\r\n\v\f") {
		return Cookie{}, ErrCharacter
	}
	pair, text, _ := strings.Cut(header, ";")
	name, value, found := strings.Cut(pair, "=")
	if !found {
		return Cookie{}, ErrIgnored
	}
	c := Cookie{Name: strings.Trim(name, " "), Value: strings.Trim(value, " "), set: now}
	if c.Name == "" {
		return Cookie{}, ErrName
	}
	a := parseAttributes(text, now)
	c.Expires = a.expires
	if from == nil {
		return c, nil
	}
	var err error
	c.scope, err = newScope(a, from)
	return c, err
}

// attributes is what follows the name and the value of a cookie.
type attributes struct {
	expires      time.Time // from Max-Age, or else from Expires; zero if the cookie has no expiry
	domain, path string
	isSecure     bool
}

// maxAge is the longest age that browsers accept, 400 days in seconds. It keeps a large Max-Age from overflowing.
const maxAge = 400 * 24 * 60 * 60

// parseAttributes parses attributes as RFC 6265, section 5.2, describes. Of the formats for dates, it knows those of
// HTTP, and those with dashes or another zone than GMT.
func parseAttributes(text string, now time.Time) (a attributes) {
	hasAge := false
	for attribute := range strings.SplitSeq(text, ";") {
		name, value, _ := strings.Cut(attribute, "=")
		name, value = strings.Trim(name, " "), strings.Trim(value, " ")
		switch {
		case strings.EqualFold(name, "Max-Age"):
			if age, err := strconv.Atoi(value); err == nil && value[0] != '+' {
				a.expires, hasAge = now.Add(time.Duration(min(max(age, 0), maxAge))*time.Second), true
			}
		case strings.EqualFold(name, "Expires"):
			if at, err := parseDate(value); err == nil && !hasAge {
				a.expires = at
			}
		case strings.EqualFold(name, "Domain") && value != "":
			a.domain = strings.ToLower(strings.TrimPrefix(value, "."))
		case strings.EqualFold(name, "Path"):
			a.path = value
		case strings.EqualFold(name, "Secure"):
			a.isSecure = true
		}
	}
	return a
}

func parseDate(text string) (at time.Time, err error) {
	if at, err = http.ParseTime(text); err == nil {
		return at, nil
	}
	for _, layout := range []string{time.RFC1123, "Mon, 02-Jan-2006 15:04:05 MST"} {
		if at, err = time.Parse(layout, text); err == nil {
			break
		}
	}
	return at, err
}

// scope is the set of URLs to which a browser sends a cookie.
type scope struct {
	domain   string
	hostOnly bool // not to the hosts below domain
	path     string
	secure   bool
}

// newScope returns the scope that a browser gives to a cookie from a URL (RFC 6265, section 5.3). It returns ErrDomain
// if the URL's host is not in the cookie's domain, or if the domain is a top-level domain above the host, such as com.
// A top-level domain that is the host itself, such as localhost, has no effect. Unlike a browser, newScope accepts
// other public suffixes, such as co.uk.
func newScope(a attributes, from *url.URL) (scope, error) {
	s := scope{domain: a.domain, path: a.path, secure: a.isSecure}
	if s.domain == "" || s.domain == host(from) && !strings.Contains(s.domain, ".") {
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

// isBelow reports whether a host is a subdomain of a domain. An IP address is never a subdomain.
func isBelow(host, domain string) bool {
	return !hostname.IsIP(host) && strings.HasSuffix(host, "."+domain)
}
