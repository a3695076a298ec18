// Package weburl treats the URL of a webhook as Twilio does: it signs the URL byte for byte as it was configured, and it
// follows redirects.
package weburl

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
)

// URL is an absolute http or https URL. Its parts are kept byte for byte, because net/url can change a URL when it writes
// the parts again.
type URL struct {
	Scheme   string
	User     *url.Userinfo // nil if the URL has none
	Host     string        // with the port
	Path     string        // may be empty
	Query    string        // with its question mark; may be empty
	Fragment string        // without its number sign; may be empty

	userinfo string // User with its at sign, as written
}

// Parse parses a URL. The error does not quote the URL, which may contain a password.
func Parse(text string) (URL, error) {
	rest, fragment, _ := strings.Cut(text, "#")
	parsed, err := url.Parse(rest)
	if err != nil || parsed.Hostname() == "" || parsed.Scheme != "http" && parsed.Scheme != "https" || !isPort(parsed.Port()) {
		return URL{}, errors.New("the URL is not http or https with a host")
	}
	if strings.Contains(text, " ") { // net/url refuses control characters, but not spaces
		return URL{}, errors.New("the URL has a space in it")
	}
	u := URL{User: parsed.User, Fragment: fragment}
	u.Scheme, rest, _ = strings.Cut(rest, "://")
	rest, u.Query = cutBefore(rest, "?")
	u.Host, u.Path = cutBefore(rest, "/")
	if at := strings.LastIndexByte(u.Host, '@'); at >= 0 {
		u.userinfo, u.Host = u.Host[:at+1], u.Host[at+1:]
	}
	return u, nil
}

func isPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil && n > 0
}

// cutBefore cuts a text before a separator. The separator goes to the second part.
func cutBefore(text, separator string) (before, from string) {
	before, after, found := strings.Cut(text, separator)
	if !found {
		return text, ""
	}
	return before, separator + after
}

// String returns the whole URL.
func (u URL) String() string {
	text := u.Scheme + "://" + u.userinfo + u.Host + u.Path + u.Query
	if u.Fragment != "" {
		text += "#" + u.Fragment
	}
	return text
}

// Signed returns the URL as Twilio signs it for messages: without user, password and fragment, but with the port.
//
// See https://www.twilio.com/docs/usage/security#validating-requests.
func (u URL) Signed() string { return u.Origin() + u.Path + u.Query }

// Origin returns the scheme, the host and the port, as written.
func (u URL) Origin() string { return u.Scheme + "://" + u.Host }

// SameOrigin reports whether two URLs have the same scheme, host and port. A missing port is the scheme's default port.
func (u URL) SameOrigin(other URL) bool {
	host, port := u.hostPort()
	otherHost, otherPort := other.hostPort()
	return strings.EqualFold(u.Scheme, other.Scheme) && strings.EqualFold(host, otherHost) && port == otherPort
}

func (u URL) hostPort() (host, port string) {
	parsed := url.URL{Host: u.Host}
	switch port = parsed.Port(); {
	case port != "":
	case strings.EqualFold(u.Scheme, "https"):
		port = "443"
	default:
		port = "80"
	}
	return parsed.Hostname(), port
}

// AddQuery returns the URL with parameters in its query, as a GET carries them. The parameters must be escaped.
func (u URL) AddQuery(parameters string) URL {
	if u.Query == "" {
		u.Query = "?" + parameters
	} else {
		u.Query += "&" + parameters
	}
	return u
}

// Resolve returns the absolute form of a reference in a document at u. An absolute reference, and a path from the root,
// keep their bytes. The error does not quote the reference. The result need not be http or https.
//
// See https://www.rfc-editor.org/rfc/rfc3986#section-5.
func (u URL) Resolve(reference string) (string, error) {
	parsed, err := url.Parse(reference)
	switch {
	case err != nil:
		return "", errors.New("the URL cannot be parsed")
	case parsed.IsAbs():
		return reference, nil
	case strings.HasPrefix(reference, "/") && parsed.Host == "":
		return u.Origin() + reference, nil
	}
	base, err := url.Parse(u.Signed())
	if err != nil {
		return "", errors.New("the URL that it is relative to cannot be parsed")
	}
	return base.ResolveReference(parsed).String(), nil
}
