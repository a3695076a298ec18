// Package weburl treats the URL of a webhook as Twilio does: it signs the URL byte for byte as it was configured, and it
// follows redirects.
package weburl

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
)

// URL is an absolute http or https URL.
type URL struct {
	*url.URL        // must not be changed
	text     string // as it was parsed; net/url can change a URL when it writes the parts again
}

// Parse parses a URL. The error does not quote the URL, which may contain a password.
func Parse(text string) (URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" || !isPort(u.Port()) {
		return URL{}, errors.New("the URL is not http or https with a host")
	}
	if strings.Contains(text, " ") { // net/url refuses control characters, but not spaces
		return URL{}, errors.New("the URL has a space in it")
	}
	return URL{URL: u, text: text}, nil
}

func isPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil && n > 0
}

// Signed returns the URL as Twilio signs it for messages: without user, password and fragment, but with the port.
//
// See https://www.twilio.com/docs/usage/security#validating-requests.
func (u URL) Signed() string {
	text, _, _ := strings.Cut(u.text, "#")
	scheme, rest, _ := strings.Cut(text, "://")
	host, path := rest, ""
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		host, path = rest[:i], rest[i:]
	}
	return scheme + "://" + host[strings.LastIndexByte(host, '@')+1:] + path
}

// Origin returns the scheme, the host and the port. A port that the URL does not have is left out.
func (u URL) Origin() string { return u.Scheme + "://" + u.Host }

// SameOrigin reports whether two URLs have the same scheme, host and port. A missing port is the scheme's default port.
func (u URL) SameOrigin(other URL) bool {
	return u.Scheme == other.Scheme && strings.EqualFold(u.Hostname(), other.Hostname()) && u.port() == other.port()
}

func (u URL) port() string {
	switch port := u.Port(); {
	case port != "":
		return port
	case u.Scheme == "https":
		return "443"
	}
	return "80"
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
	base := *u.URL
	base.User, base.Fragment, base.RawFragment = nil, "", ""
	return base.ResolveReference(parsed).String(), nil
}
