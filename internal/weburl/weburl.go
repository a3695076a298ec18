// Package weburl treats the URL of a webhook as Twilio does: it signs the URL byte for byte as it was configured, and it
// follows redirects.
package weburl

import (
	"cmp"
	"errors"
	"net/url"
	"strconv"
	"strings"
)

// URL is an absolute http or https URL.
type URL struct {
	*url.URL // must not be changed
	// Signed is the URL as Twilio signs it for messages: without user, password and fragment, but with the port. It has
	// the bytes that were parsed; net/url can change a URL when it writes the parts again.
	//
	// See https://www.twilio.com/docs/usage/security#validating-requests.
	Signed string
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
	text, _, _ = strings.Cut(text, "#")
	scheme, rest, _ := strings.Cut(text, "://")
	endOfHost := strings.IndexAny(rest+"/", "/?")
	host := strings.LastIndexByte(rest[:endOfHost], '@') + 1
	return URL{URL: u, Signed: scheme + "://" + rest[host:]}, nil
}

func isPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil && n > 0
}

// Origin returns the scheme, the host and the port. A port that the URL does not have is left out.
func (u URL) Origin() string { return u.Scheme + "://" + u.Host }

// SameOrigin reports whether two URLs have the same scheme, host and port. A missing port is the scheme's default port.
func (u URL) SameOrigin(other URL) bool {
	defaultPort := "80"
	if u.Scheme == "https" {
		defaultPort = "443"
	}
	return u.Scheme == other.Scheme && strings.EqualFold(u.Hostname(), other.Hostname()) &&
		cmp.Or(u.Port(), defaultPort) == cmp.Or(other.Port(), defaultPort)
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
