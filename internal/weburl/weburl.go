// Package weburl treats the URL of a webhook as Twilio does: it signs the URL byte for byte as it was configured, and it
// follows redirects.
package weburl

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
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

// Redirect is how Twilio follows a redirect.
type Redirect struct {
	URL       string // absolute, without a fragment; need not be http or https
	Method    string
	KeepsForm bool // the next request has the same parameters; otherwise it has none
}

// Follow returns how Twilio follows a response with a redirect status to a request to u. Twilio follows 301, 302, 303 and
// 307 (https://www.twilio.com/docs/api/errors/11216). It follows 301 and 302 with GET and drops the parameters. Follow
// assumes the same of 303, and that Twilio repeats the request after 307. It is an error if Twilio does not follow the
// status, or if the location is missing or cannot be parsed. The error does not quote the location.
func (u URL) Follow(method string, status int, location string) (Redirect, error) {
	next := Redirect{Method: http.MethodGet}
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther:
	case http.StatusTemporaryRedirect:
		next.Method, next.KeepsForm = method, true
	default:
		return Redirect{}, fmt.Errorf("the status %d is not one that Twilio follows", status)
	}
	location, _, _ = strings.Cut(location, "#")
	if location == "" {
		return Redirect{}, errors.New("the response has no Location")
	}
	var err error
	if next.URL, err = u.Resolve(location); err != nil {
		return Redirect{}, fmt.Errorf("the Location is not valid: %w", err)
	}
	return next, nil
}
