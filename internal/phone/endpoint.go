package phone

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"

	"smsession/internal/weburl"
)

// Endpoint is a webhook: its URL at Twilio, and its address on this network.
type Endpoint struct {
	// URL is the URL that is configured at Twilio, with connection overrides in its fragment. It is what Twilio signs.
	// See https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides.
	URL string
	// Address is where requests are sent instead, for example the local server behind a tunnel. "" means URL. A redirect
	// to a URL of the tunnel is followed at the address behind it. The Host header is that of Address, because local
	// servers choose their site by it. No X-Forwarded header is sent. If Address has no query, the query of URL is sent.
	Address string
}

// Sibling returns the endpoint of another URL of the same server, for example of the fallback. The URL may be below
// e.URL's server or below e.Address's. For "https://sms.example.com/a/sms" at "http://localhost:8080/sms", both
// "https://sms.example.com/a/help" and "http://localhost:8080/help" are the same sibling. Any other URL has no address.
// The result has the user and the password of e.URL and e.Address.
func (e Endpoint) Sibling(text string) Endpoint {
	u, err1 := weburl.Parse(text)
	public, err2 := weburl.Parse(e.URL)
	address, err3 := weburl.Parse(e.Address)
	if err := cmp.Or(err1, err2, err3); err != nil {
		return Endpoint{URL: text}
	}
	publicPrefix, addressPrefix := pathPrefixes(public.EscapedPath(), address.EscapedPath())
	if rest, found := pathBelow(u, public, publicPrefix); found {
		return Endpoint{URL: text, Address: base(address) + addressPrefix + rest}
	}
	rest, found := pathBelow(u, address, addressPrefix)
	if !found {
		return Endpoint{URL: text}
	}
	text = base(public) + publicPrefix + rest
	if fragment := u.EscapedFragment(); fragment != "" {
		text += "#" + fragment
	}
	return Endpoint{URL: text, Address: base(address) + addressPrefix + rest}
}

// base returns the beginning of a URL up to its host and port.
func base(u weburl.URL) string {
	return (&url.URL{Scheme: u.Scheme, User: u.User, Host: u.Host}).String()
}

// pathBelow returns the path and the query of a URL after a prefix, and whether the URL has the prefix and the same
// origin as another URL.
func pathBelow(u, other weburl.URL, prefix string) (rest string, found bool) {
	rest, found = strings.CutPrefix(u.EscapedPath(), prefix)
	found = found && (rest == "" || rest[0] == '/') && u.SameOrigin(other)
	return withQuery(rest, u.RawQuery), found
}

// pathPrefixes returns the parts of two paths before their common end. Both are empty if the paths end differently.
func pathPrefixes(a, b string) (prefixA, prefixB string) {
	segmentsA, segmentsB := strings.Split(a, "/"), strings.Split(b, "/")
	restA, restB := len(segmentsA)-1, len(segmentsB)-1
	for restA > 0 && restB > 0 && segmentsA[restA] == segmentsB[restB] {
		restA, restB = restA-1, restB-1
	}
	if restA == len(segmentsA)-1 {
		return "", ""
	}
	return strings.Join(segmentsA[:restA+1], "/"), strings.Join(segmentsB[:restB+1], "/")
}

// target is a parsed Endpoint.
type target struct {
	endpoint  Endpoint // of the options, from which targets on the same server are derived
	public    weburl.URL
	address   weburl.URL
	requested string        // address without user, password and fragment; with the query of public if it has none
	login     *url.Userinfo // for the second request, after a 401; nil if there is none
	overrides overrides
}

// newTarget parses an endpoint. The error does not quote it.
func newTarget(e Endpoint) (*target, error) {
	public, err := weburl.Parse(e.URL)
	if err != nil {
		return nil, err
	}
	address, err := weburl.Parse(cmp.Or(e.Address, e.URL))
	if err != nil {
		return nil, fmt.Errorf("address: %w", err)
	}
	t := &target{endpoint: e, public: public, address: address, requested: address.Signed}
	t.login = cmp.Or(public.User, address.User)
	if address.RawQuery == "" {
		t.requested = withQuery(address.Signed, public.RawQuery)
	}
	t.overrides, err = parseOverrides(public.EscapedFragment())
	return t, err
}

// withQuery returns a URL with parameters added to its query.
func withQuery(text, parameters string) string {
	switch {
	case parameters == "":
		return text
	case strings.Contains(text, "?"):
		return text + "&" + parameters
	}
	return text + "?" + parameters
}

// next returns the target of a URL in the response of this one. On the same server it has the same login. Its connection
// overrides are its own.
func (t *target) next(reference string) (*target, error) {
	text, err := t.public.Resolve(reference)
	if err != nil {
		return nil, err
	}
	next, err := newTarget(t.endpoint.Sibling(text))
	if err != nil {
		return nil, err
	}
	next.endpoint = t.endpoint // for a redirect back from another server
	if next.public.SameOrigin(t.public) {
		next.login = cmp.Or(next.login, t.login)
	}
	return next, nil
}
