package devphone

import (
	"net/http"
	"slices"
)

// policy lets the page load only files of this server and pictures that it got from Page.picture, and keeps text from
// running as a script.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

// guard refuses requests from other sites, through proxies, and from other hosts without the token, because the page
// signs messages for every client that it serves. No response has a CORS header.
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
		case isForwarded(r.Header):
			writeError(w, forwarded)
		case isCrossSite(r):
			writeError(w, otherSite)
		case p.isEntry(r):
			enter(w, r, p.Token)
		case needsToken(r) && !p.hasToken(r):
			writeError(w, noToken)
		default:
			next.ServeHTTP(w, r)
		}
	})
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
