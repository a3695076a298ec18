package webhook

import (
	"slices"
	"strings"

	"smsession/internal/weburl"
)

// hasRoute reports whether the path of a URL ends in a route of the service.
func hasRoute(u weburl.URL, route string) bool { return strings.HasSuffix(u.Path, route) }

// sameSignature reports whether a signature over one URL is right for the other. Login, query, fragment and default port
// do not matter. Every other byte does.
func sameSignature(a, b weburl.URL) bool { return slices.Contains(a.Spellings(), b.Spellings()[0]) }

// mask hides the login in a URL.
func mask(raw string) string { return weburl.Split(raw).Masked() }

// healthURL returns the URL of the service's /healthz. It is next to the route, or next to the last part of another path.
func healthURL(raw string) string {
	u := weburl.Split(raw)
	health := "../healthz"
	if hasRoute(u, weburl.FallbackPath) {
		health = "../../healthz"
	}
	u.Query, u.Fragment = "", ""
	return u.Parsed().JoinPath(health).String()
}
