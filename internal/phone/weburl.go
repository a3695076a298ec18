package phone

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
)

// webURL is a URL taken apart by its bytes. Twilio signs the ones that were configured, and what net/url puts together
// again may be others.
type webURL struct {
	scheme   string // as written
	userinfo string // as written, with its '@'
	host     string // as written, with the port
	path     string // as written; "" where the URL has none
	query    string // as written, with its '?'
	fragment string // without its '#'
	login    string // user and password by a colon, decoded
}

// parseURL reads an absolute URL. The error is about "the URL" and quotes nothing of it.
func parseURL(raw string) (webURL, error) {
	text, fragment, _ := strings.Cut(raw, "#")
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || !isWeb(u.Scheme) || !isPort(u.Port()) {
		return webURL{}, errors.New("the URL is not http or https with a host")
	}
	if strings.Contains(raw, " ") { // net/url has refused the control characters
		return webURL{}, errors.New("the URL has a space in it")
	}
	w := webURL{fragment: fragment}
	scheme, rest, _ := strings.Cut(text, "://")
	w.scheme = scheme
	rest, w.query = cutBefore(rest, '?')
	w.host, w.path = cutBefore(rest, '/')
	if at := strings.LastIndexByte(w.host, '@'); at >= 0 {
		w.userinfo, w.host = w.host[:at+1], w.host[at+1:]
		password, _ := u.User.Password()
		w.login = u.User.Username() + ":" + password
	}
	return w, nil
}

func isWeb(scheme string) bool { return scheme == "http" || scheme == "https" }

func isPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil && n > 0
}

// cutBefore cuts a text before the first byte of a kind.
func cutBefore(s string, sep byte) (before, from string) {
	if i := strings.IndexByte(s, sep); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}

func (w webURL) secure() bool { return strings.EqualFold(w.scheme, "https") }

// base is what a URL begins with.
func (w webURL) base() string { return w.scheme + "://" + w.userinfo + w.host }

// origin is the same without user and password.
func (w webURL) origin() string { return w.scheme + "://" + w.host }

// text is the URL without user, password and fragment: what Twilio signs for messages.
//
// See https://www.twilio.com/docs/usage/security#validating-requests.
func (w webURL) text() string { return w.origin() + w.path + w.query }

// target is what stands on the request line.
func (w webURL) target() string {
	if w.path == "" {
		return "/" + w.query
	}
	return w.path + w.query
}

// hostname returns the host in lower case, without its port and without an IPv6 address's brackets.
func (w webURL) hostname() string {
	u := url.URL{Host: w.host}
	return strings.ToLower(u.Hostname())
}

func (w webURL) port() string {
	u := url.URL{Host: w.host}
	if port := u.Port(); port != "" {
		return port
	}
	if w.secure() {
		return "443"
	}
	return "80"
}

// sameOrigin compares scheme, host and port, the default port being none.
func (w webURL) sameOrigin(other webURL) bool {
	return w.secure() == other.secure() && w.hostname() == other.hostname() && w.port() == other.port()
}

// resolve returns what a reference means in a document of the given URL. An absolute URL, and a path from the root,
// keep their bytes.
//
// See https://www.rfc-editor.org/rfc/rfc3986#section-5.
func resolve(base, reference string) (string, error) {
	u, err := url.Parse(reference)
	if err != nil {
		return "", errors.New("the URL cannot be read")
	}
	if u.IsAbs() {
		return reference, nil
	}
	b, err := url.Parse(base)
	if err != nil {
		return "", errors.New("the URL that it is relative to cannot be read")
	}
	if strings.HasPrefix(reference, "/") && u.Host == "" {
		return b.Scheme + "://" + b.Host + reference, nil
	}
	return b.ResolveReference(u).String(), nil
}
