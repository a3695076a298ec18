package devphone

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"smsession/internal/hostname"
)

// policy lets the page load only files of this server and pictures that it got from Page.picture, and keeps text from
// running as a script.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

// guard refuses requests from other sites and other hosts, because the page signs messages for every client that it
// serves. No response has a CORS header.
func (p *Page) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		switch {
		case !p.isAllowed(r):
			writeError(w, otherHost)
		case isForwarded(r.Header):
			writeError(w, forwarded)
		case isCrossSite(r):
			writeError(w, otherSite)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// isAllowed reports whether a request may use the page. Any client can send any Host. A loopback Host is therefore
// allowed only if the client's address is a loopback address, too. A Host in Options.Hosts is allowed for every client,
// because the user has chosen to listen there. No other Host is allowed, so an attacker's name that DNS resolves to
// this host is refused. Ports are ignored.
func (p *Page) isAllowed(r *http.Request) bool {
	name := hostname.Of(r.Host)
	if name == "localhost" || hostname.IsLoopbackIP(name) {
		return hostname.IsLoopbackIP(hostname.Of(r.RemoteAddr))
	}
	if ip, err := netip.ParseAddr(name); name == "" || err == nil && ip.IsUnspecified() {
		return false // a listener may have this address, but no client sends it as Host
	}
	return slices.ContainsFunc(p.Hosts, func(host string) bool { return strings.EqualFold(name, host) })
}

// isForwarded reports whether a proxy has added a header to the request. Tunnels for webhooks add one, and some of them
// send localhost as Host.
func isForwarded(h http.Header) bool {
	names := []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via", "Cf-Connecting-Ip"}
	return slices.ContainsFunc(names, func(name string) bool { return len(h[name]) > 0 })
}

// isCrossSite reports whether a page of another site makes the request. Browsers send Sec-Fetch-Site, which no script
// can set. Older browsers send Origin. Other programs send neither. Another site may link to the page itself.
//
// See https://www.w3.org/TR/fetch-metadata/.
func isCrossSite(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	post := r.Method == http.MethodPost
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin":
		return false
	case "none": // the person typed the URL
		return post && origin != ""
	case "":
		return origin != "" && origin != "http://"+r.Host
	}
	return post || r.URL.Path != "/" || r.Header.Get("Sec-Fetch-Mode") != "navigate"
}
