package weburl

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Origin returns the scheme in lower case, the host, and the port if the URL has one.
func (u URL) Origin() string { return strings.ToLower(u.Scheme) + u.Host }

// SameOrigin reports whether two URLs have the same scheme, host and port. A missing port is the scheme's default port.
func (u URL) SameOrigin(other URL) bool {
	a, b := url.URL{Host: u.Host}, url.URL{Host: other.Host}
	return u.IsHTTPS() == other.IsHTTPS() && strings.EqualFold(a.Hostname(), b.Hostname()) && u.Port() == other.Port()
}

// Port returns the port, or the default port of the scheme if the URL has none.
func (u URL) Port() string {
	host := url.URL{Host: u.Host}
	return cmp.Or(host.Port(), u.defaultPort())
}

// Resolve returns the absolute URL of a reference in a document at u. An absolute reference and a path from the root
// keep their bytes. The result need not be http or https. The error is a sentence that does not quote the reference.
//
// See https://www.rfc-editor.org/rfc/rfc3986#section-5.
func (u URL) Resolve(reference string) (string, error) {
	parsed, err := url.Parse(reference)
	switch {
	case err != nil:
		return "", errors.New("the URL cannot be parsed")
	case parsed.IsAbs():
		return reference, nil
	case strings.HasPrefix(reference, "/") && !strings.HasPrefix(reference, "//"):
		return u.Origin() + reference, nil
	}
	u.Login, u.Fragment = "", ""
	return u.Parsed().ResolveReference(parsed).String(), nil
}

// Redirect is the request that Twilio sends to follow a redirect.
type Redirect struct {
	URL       string // absolute, without a fragment; need not be http or https
	Method    string
	KeepsForm bool // the next request has the same parameters; otherwise it has no parameters
}

// Follow returns how Twilio follows a response with a redirect status to a request to u. Twilio follows 301, 302, 303
// and 307 (https://www.twilio.com/docs/api/errors/11216). It follows 301 and 302 with GET and drops the parameters.
// Follow assumes that Twilio treats 303 in the same way and repeats the request after 307. Follow returns an error if
// Twilio does not follow the status, or if the location is missing or cannot be parsed. The error does not quote the
// location.
func (u URL) Follow(method string, status int, location string) (Redirect, error) {
	next := Redirect{Method: http.MethodGet}
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther:
	case http.StatusTemporaryRedirect:
		next.Method, next.KeepsForm = method, true
	default:
		return Redirect{}, fmt.Errorf("the status %d is not a redirect that Twilio follows", status)
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
