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
	// Address is where requests are sent instead, for example the local server behind a tunnel. "" means URL. A
	// redirect to a URL of the tunnel is followed at the address behind it. The Host header is that of Address,
	// because local servers choose their site by it. No X-Forwarded header is sent. If Address has no query, the
	// query of URL is sent.
	Address string
}

// Check returns an error if URL or Address is not http or https with a valid host, or if a connection override is
// unknown or out of range. The error is a sentence. It does not quote the URLs, which may contain passwords.
func (e Endpoint) Check() error {
	_, err := newTarget(e)
	return err
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
	publicPrefix, addressPrefix := pathPrefixes(public.Path, address.Path)
	if rest, found := pathBelow(u, public, publicPrefix); found {
		return Endpoint{URL: text, Address: sibling(address, addressPrefix+rest, u.Query, "")}
	}
	if rest, found := pathBelow(u, address, addressPrefix); found {
		text = sibling(public, publicPrefix+rest, u.Query, u.Fragment)
		return Endpoint{URL: text, Address: sibling(address, addressPrefix+rest, u.Query, "")}
	}
	return Endpoint{URL: text}
}

// sibling returns the URL of another path of a server.
func sibling(server weburl.URL, path, query, fragment string) string {
	server.Path, server.Query, server.Fragment = path, query, fragment
	return server.Configured()
}

// pathBelow returns the path of a URL after a prefix, and whether the URL has the prefix and the same origin as another
// URL.
func pathBelow(u, other weburl.URL, prefix string) (rest string, found bool) {
	rest, found = strings.CutPrefix(u.Path, prefix)
	return rest, found && (rest == "" || rest[0] == '/') && u.SameOrigin(other)
}

// pathPrefixes returns the parts of two paths before their common end. Both are empty if the paths end differently.
func pathPrefixes(a, b string) (prefixA, prefixB string) {
	prefixA, prefixB = a, b
	for {
		i, j := strings.LastIndexByte(prefixA, '/'), strings.LastIndexByte(prefixB, '/')
		if i < 0 || j < 0 || prefixA[i:] != prefixB[j:] {
			break
		}
		prefixA, prefixB = prefixA[:i], prefixB[:j]
	}
	if prefixA == a {
		return "", ""
	}
	return prefixA, prefixB
}

// target is a parsed Endpoint.
type target struct {
	endpoint  Endpoint // of the options, from which targets on the same server are derived
	public    weburl.URL
	parsed    *url.URL // public; must not be changed
	address   weburl.URL
	requested string        // address as it is requested; with the query of public if it has none
	login     *url.Userinfo // for the second request, after a 401; nil if there is none
	overrides overrides
}

// newTarget parses an endpoint. See Endpoint.Check.
func newTarget(e Endpoint) (*target, error) {
	public, err := weburl.Parse(e.URL)
	if err != nil {
		return nil, err
	}
	address, err := weburl.Parse(cmp.Or(e.Address, e.URL))
	if err != nil {
		return nil, fmt.Errorf("the address cannot be used: %w", err)
	}
	t := &target{endpoint: e, public: public, parsed: public.Parsed(), address: address}
	t.login = cmp.Or(t.parsed.User, address.Parsed().User)
	requested := address
	requested.Query = cmp.Or(address.Query, public.Query)
	t.requested = requested.String()
	t.overrides, err = parseOverrides(strings.TrimPrefix(public.Fragment, "#"))
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

// next returns the target of a URL in the response of this one. On the same server it has the same login. Its
// connection overrides are its own.
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
