package webhook

import (
	"net/url"
	"strings"
)

// The routes of the service, as Twilio is told them.
const (
	Route         = "/sms"
	FallbackRoute = "/sms/fallback"
)

// parts are the parts of a URL. Together they are the URL byte for byte, because Twilio signs the bytes that it was
// configured with.
type parts struct {
	scheme string // with ://
	login  string // user and password, with @; not signed
	host   string // with the port
	path   string
	rest   string // query and fragment, with ? or #
}

func split(raw string) (p parts) {
	raw, p.rest = cutBefore(raw, "?#")
	if scheme, rest, found := strings.Cut(raw, "://"); found {
		p.scheme, raw = scheme+"://", rest
	}
	p.host, p.path = cutBefore(raw, "/")
	at := strings.LastIndexByte(p.host, '@') + 1
	p.login, p.host = p.host[:at], p.host[at:]
	return p
}

// cutBefore cuts text before the first of the separators.
func cutBefore(text, separators string) (before, after string) {
	if i := strings.IndexAny(text, separators); i >= 0 {
		return text[:i], text[i:]
	}
	return text, ""
}

func (p parts) String() string { return p.scheme + p.login + p.host + p.path + p.rest }

// hasRoute reports whether the path of a URL ends in a route.
func hasRoute(raw, route string) bool { return strings.HasSuffix(split(raw).path, route) }

// sameSignature reports whether a signature over one URL is right for the other. Login, query, fragment and default port
// do not matter. Every other byte does.
func sameSignature(a, b string) bool {
	signed := func(raw string) parts {
		p := split(raw)
		port := map[string]string{"https://": ":443", "http://": ":80"}[strings.ToLower(p.scheme)]
		return parts{scheme: p.scheme, host: strings.TrimSuffix(p.host, port), path: p.path}
	}
	return signed(a) == signed(b)
}

// mask hides the login in a URL.
func mask(raw string) string {
	p := split(raw)
	if p.login != "" {
		p.login = "•••@"
	}
	return p.String()
}

// healthURL returns the URL of the service's /healthz. It is next to the route, or next to the last part of another path.
func healthURL(raw string) string {
	health := "../healthz"
	if hasRoute(raw, FallbackRoute) {
		health = "../../healthz"
	}
	u, err := url.Parse(raw)
	if err != nil {
		return raw // the request will fail
	}
	u.RawQuery, u.Fragment = "", ""
	return u.JoinPath(health).String()
}
