package phone

import (
	"fmt"
	"net"
	"net/url"
	"strings"
)

// Endpoint is a webhook as it is configured at Twilio, and where it is here.
type Endpoint struct {
	// URL is what Twilio has been told, connection overrides in the fragment included. It is what is signed.
	// See https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides.
	URL string
	// Address is the URL to send to instead, as behind a tunnel; "" is URL itself. Redirects below the one are taken
	// for redirects below the other. The request's Host is the Address's, because servers on one's own machine choose
	// by it; no X-Forwarded header is sent. Where the Address has no query, URL's is sent.
	Address string
}

// Sibling returns the endpoint of another URL of the same server, the fallback's for one. If the URL is below where
// e.URL is, its address is below where e.Address is, and the other way round: of "https://sms.example.com/a/sms" at
// "http://localhost:8080/sms", both "https://sms.example.com/a/help" and "http://localhost:8080/help" are siblings,
// and the same one. Any other URL is its own address. User and password of the one that is translated to are kept.
func (e Endpoint) Sibling(sibling string) Endpoint {
	public, err1 := parseURL(e.URL)
	private, err2 := parseURL(e.Address)
	u, err3 := parseURL(sibling)
	if err1 != nil || err2 != nil || err3 != nil {
		return Endpoint{URL: sibling}
	}
	above, below := prefixes(public.path, private.path)
	if rest, ok := u.below(public, above); ok {
		return Endpoint{URL: sibling, Address: private.base() + below + rest}
	}
	if rest, ok := u.below(private, below); ok {
		return Endpoint{URL: public.base() + above + rest + fragment(u), Address: private.base() + below + rest}
	}
	return Endpoint{URL: sibling}
}

// below returns path and query of a URL after a prefix of the path, if it has the same origin as another URL, and the
// prefix.
func (w webURL) below(other webURL, prefix string) (string, bool) {
	rest, found := strings.CutPrefix(w.path, prefix)
	if !found || rest != "" && rest[0] != '/' || !w.sameOrigin(other) {
		return "", false
	}
	return rest + w.query, true
}

func fragment(u webURL) string {
	if u.fragment == "" {
		return ""
	}
	return "#" + u.fragment
}

// prefixes returns what two paths begin with before they end alike. Paths that end differently tell nothing: then both
// prefixes are empty.
func prefixes(a, b string) (string, string) {
	x, y := a, b
	for {
		i, j := strings.LastIndexByte(x, '/'), strings.LastIndexByte(y, '/')
		if i < 0 || j < 0 || x[i:] != y[j:] {
			break
		}
		x, y = x[:i], y[:j]
	}
	if x == a {
		return "", ""
	}
	return x, y
}

// site is a URL to fetch: what Twilio calls it, and where it is here.
type site struct {
	endpoint  Endpoint
	url       string // what is signed
	public    webURL // the same, taken apart
	parsed    *url.URL
	address   string // what is sent to, for people
	at        server
	target    string // path and query, as they stand on the request line
	login     string // for the second try, after a 401
	overrides overrides
}

// server is who a connection goes to. Connections to the same one are used again.
type server struct {
	secure bool
	sni    bool
	host   string // as the Host header says it
	dial   string // host and port
}

// sameServer reports whether requests to two sites go to the same scheme, host and port.
func (s *site) sameServer(other *site) bool {
	return s.at.secure == other.at.secure && s.at.dial == other.at.dial
}

// server returns the scheme, host and port of the site, such as "https://host:port". A port that the URL does not have is
// left out.
func (s *site) server() string {
	if s.at.secure {
		return "https://" + s.at.host
	}
	return "http://" + s.at.host
}

// site reads an endpoint. The error quotes nothing of it.
func (e Endpoint) site() (*site, error) {
	public, err := parseURL(e.URL)
	if err != nil {
		return nil, err
	}
	s := &site{endpoint: e, url: public.text(), login: public.login, public: public}
	if s.parsed, err = url.Parse(s.url); err != nil {
		return nil, err
	}
	if s.overrides, err = parseOverrides(public.fragment); err != nil {
		return nil, err
	}
	private, err := e.private(public)
	if err != nil {
		return nil, err
	}
	if s.login == "" {
		s.login = private.login
	}
	s.address = private.text()
	s.target = private.target()
	s.at = server{
		secure: private.secure(),
		sni:    s.overrides.sni,
		host:   private.host,
		dial:   net.JoinHostPort(private.hostname(), private.port()),
	}
	return s, nil
}

func (e Endpoint) private(public webURL) (webURL, error) {
	if e.Address == "" {
		return public, nil
	}
	private, err := parseURL(e.Address)
	if err != nil {
		return webURL{}, fmt.Errorf("address: %w", err)
	}
	if private.query == "" {
		private.query = public.query
	}
	return private, nil
}

// next returns the site that a reference in the answer of this one leads to. Below the same server it keeps what is
// known of it: where it is here, and who logs in. Its connection overrides are its own.
func (s *site) next(reference string) (*site, error) {
	address, err := resolve(s.url, reference)
	if err != nil {
		return nil, err
	}
	next, err := s.endpoint.Sibling(address).site()
	if err != nil {
		return nil, err
	}
	next.endpoint = s.endpoint // what leads back again is found from where it all began
	if next.login == "" && next.public.sameOrigin(s.public) {
		next.login = s.login
	}
	return next, nil
}

// withQuery returns the site with parameters added to its query, as a GET carries them.
func (s *site) withQuery(form []byte) *site {
	with := *s
	for _, text := range []*string{&with.url, &with.address, &with.target} {
		mark := "?"
		if strings.Contains(*text, "?") {
			mark = "&"
		}
		*text += mark + string(form)
	}
	return &with
}
