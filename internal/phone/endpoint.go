package phone

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"

	"smsession/internal/weburl"
)

// Endpoint is a webhook as it is configured at Twilio, and where it is here.
type Endpoint struct {
	// URL is the URL that is configured at Twilio, with connection overrides in its fragment. It is what Twilio signs.
	// See https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides.
	URL string
	// Address is where requests are sent instead, for example behind a tunnel. "" means URL. Redirects below the one
	// lead below the other. The request's Host is the Address's, because servers on one's own machine choose by it. No
	// X-Forwarded header is sent. If the Address has no query, URL's query is sent.
	Address string
}

// Sibling returns the endpoint of another URL of the same server, for example of the fallback. The URL may be below
// e.URL's server or below e.Address's. For "https://sms.example.com/a/sms" at "http://localhost:8080/sms", both
// "https://sms.example.com/a/help" and "http://localhost:8080/help" are the same sibling. Any other URL has no address.
// The user and the password of e.URL and e.Address are kept.
func (e Endpoint) Sibling(text string) Endpoint {
	u, err1 := weburl.Parse(text)
	public, err2 := weburl.Parse(e.URL)
	address, err3 := weburl.Parse(e.Address)
	if err := cmp.Or(err1, err2, err3); err != nil {
		return Endpoint{URL: text}
	}
	publicPrefix, addressPrefix := pathPrefixes(public.Path, address.Path)
	rest, isPublic := pathBelow(u, public, publicPrefix)
	if !isPublic {
		var isAddress bool
		if rest, isAddress = pathBelow(u, address, addressPrefix); !isAddress {
			return Endpoint{URL: text}
		}
		public.Path, public.Query, public.Fragment = publicPrefix+rest, u.Query, u.Fragment
		text = public.String()
	}
	address.Path, address.Query, address.Fragment = addressPrefix+rest, u.Query, ""
	return Endpoint{URL: text, Address: address.String()}
}

// pathBelow returns the rest of a URL's path after a prefix, and whether the URL has the prefix and the same origin as
// another URL.
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

// target is a URL to request: what Twilio calls it, and where it is here.
type target struct {
	endpoint  Endpoint // of the options, from which targets on the same server are derived
	public    weburl.URL
	parsed    *url.URL // public
	address   weburl.URL
	login     *url.Userinfo // for the second request, after a 401; nil if there is none
	overrides overrides
}

// newTarget parses an endpoint. The error does not quote it.
func newTarget(e Endpoint) (*target, error) {
	public, err := weburl.Parse(e.URL)
	if err != nil {
		return nil, err
	}
	t := &target{endpoint: e, public: public, address: public, login: public.User}
	if t.overrides, err = parseOverrides(public.Fragment); err != nil {
		return nil, err
	}
	if t.parsed, err = url.Parse(public.Signed()); err != nil {
		return nil, err
	}
	if e.Address == "" {
		return t, nil
	}
	if t.address, err = weburl.Parse(e.Address); err != nil {
		return nil, fmt.Errorf("address: %w", err)
	}
	t.address.Query = cmp.Or(t.address.Query, public.Query)
	t.login = cmp.Or(t.login, t.address.User)
	return t, nil
}

// url returns what Twilio signs.
func (t *target) url() string { return t.public.Signed() }

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
	next.endpoint = t.endpoint // so that a redirect can lead back from another server
	if next.public.SameOrigin(t.public) {
		next.login = cmp.Or(next.login, t.login)
	}
	return next, nil
}

// addQuery returns the target with parameters in its query, as a GET carries them.
func (t *target) addQuery(parameters []byte) *target {
	with := *t
	with.public = t.public.AddQuery(string(parameters))
	with.address = t.address.AddQuery(string(parameters))
	return &with
}
