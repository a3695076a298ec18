package devphone

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"smsession/internal/hostname"
)

// policy lets the page load what this server gives it and nothing else, and run no text as a script.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// guard keeps other sites and other hosts away, because the page signs messages for every client that it admits. There is
// no CORS header on any answer.
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
		case !p.admits(r):
			writeFault(w, fault{http.StatusForbidden, "Open this page at localhost on this host, and at the address in ADDR on any other host."})
		case forwarded(r.Header):
			writeFault(w, fault{http.StatusForbidden, "This page does not answer through a tunnel or a proxy: it would sign messages for anybody."})
		case foreign(r):
			writeFault(w, fault{http.StatusForbidden, "Another site has no business here."})
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// admits reports whether a request may use the page. A loopback Host is believed only from a loopback peer, because any
// client can write that header. A Host from Options.Hosts is believed from every peer: the user has chosen to listen
// there. No other name is accepted, so a name that somebody else's DNS points here is refused. Ports do not matter.
func (p *Page) admits(r *http.Request) bool {
	name := hostname.Of(r.Host)
	if name == "localhost" || hostname.IsLoopbackIP(name) {
		return hostname.IsLoopbackIP(hostname.Of(r.RemoteAddr))
	}
	if ip, err := netip.ParseAddr(name); name == "" || err == nil && ip.IsUnspecified() {
		return false // a listener may have this address, but no client sends it as Host
	}
	return slices.ContainsFunc(p.Hosts, func(given string) bool { return strings.EqualFold(name, given) })
}

// forwarded reports whether a proxy says that it passes on somebody else's request. Tunnels for webhooks do, and some of
// them write localhost for the Host.
func forwarded(h http.Header) bool {
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via", "Cf-Connecting-Ip"} {
		if len(h[name]) > 0 {
			return true
		}
	}
	return false
}

// foreign reports whether another site makes the request. Browsers say so in Sec-Fetch-Site, which no script can set,
// and older ones in Origin; what is not a browser says neither. The page itself may be linked to.
//
// See https://www.w3.org/TR/fetch-metadata/.
func foreign(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	post := r.Method == http.MethodPost
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin":
		return false
	case "none": // typed into the address bar
		return post && origin != ""
	case "":
		return origin != "" && origin != "http://"+r.Host
	}
	return post || r.URL.Path != "/" || r.Header.Get("Sec-Fetch-Mode") != "navigate"
}
