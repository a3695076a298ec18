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
	// URL is the URL that is configured at Twilio. Its fragment may have connection overrides. Twilio signs the URL
	// without the fragment, the user and the password.
	// See https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides.
	URL string
	// Address is the URL to which requests are sent instead, for example of the local server behind a tunnel. "" means
	// URL. The phone follows a redirect to URL's server at Address's server. The Host header is that of Address,
	// because a local server may choose the site by it. No X-Forwarded header is sent. If Address has no query, the
	// query of URL is sent.
	Address string
}

// Check returns an error if URL or Address is not an http or https URL, or if a connection override in URL is unknown
// or out of range. The error is a sentence that does not quote the URLs, because they may contain passwords.
func (e Endpoint) Check() error {
	_, err := newTarget(e)
	return err
}

// Sibling returns the endpoint of another URL on the same server, for example of the fallback. The URL may be on the
// server of e.URL or on that of e.Address. For "https://sms.example.com/a/sms" at "http://localhost:8080/sms", both
// "https://sms.example.com/a/help" and "http://localhost:8080/help" give the same endpoint. For any other text, or if e
// has no Address, the result has the text as its URL and no Address. Sibling does not check the text.
//
// The user and the password of e.Address are kept. Those of e.URL are kept if the text is on the server of e.Address.
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

// sibling returns the URL of another path on a server, with the user and the password of the server's URL.
func sibling(server weburl.URL, path, query, fragment string) string {
	server.Path, server.Query, server.Fragment = path, query, fragment
	return server.Configured()
}

// pathBelow returns the path of u after a prefix. found reports whether the path has the prefix, and u has the same
// origin as other.
func pathBelow(u, other weburl.URL, prefix string) (rest string, found bool) {
	rest, found = strings.CutPrefix(u.Path, prefix)
	return rest, found && (rest == "" || rest[0] == '/') && u.SameOrigin(other)
}

// pathPrefixes removes the names that two paths have in common at the end, and returns the rest of each path. It
// returns empty texts if the paths end with different names.
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
	endpoint  Endpoint // from Options; next derives targets on the same server from it
	public    weburl.URL
	parsed    *url.URL // public; must not be changed
	address   weburl.URL
	requested string        // address as it is requested, with the query of public if address has no query
	login     *url.Userinfo // the user and the password, which are sent only after a 401; nil if there are none
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

// withQuery returns a URL with escaped parameters added to its query.
func withQuery(text, parameters string) string {
	switch {
	case parameters == "":
		return text
	case strings.Contains(text, "?"):
		return text + "&" + parameters
	}
	return text + "?" + parameters
}

// next returns the target of a reference in a response from t. A target on the same server has the same login. The
// connection overrides are those of the reference.
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
