package app

import (
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/idna"

	"smsession/internal/weburl"
)

// site is the app as a server: where it believes that it is, and where it is.
type site struct {
	public, address weburl.URL // of the webhook
	host            string     // of the public URL, as the Host header has it
	common          http.Header
}

// newSite returns the site of a webhook. Every request to it has the common header, as if a proxy at the public URL had
// passed the request on.
func newSite(o Options) site {
	s := site{public: o.PublicURL, address: o.URL, common: http.Header{"Accept-Encoding": {"gzip"}}}
	s.host = s.public.Host
	if punycode, err := httpguts.PunycodeHostPort(s.public.Host); err == nil {
		s.host = punycode
	}
	s.common["X-Forwarded-Host"] = []string{s.public.Host}
	s.common["X-Forwarded-Proto"] = []string{"http"}
	if s.public.IsHTTPS() {
		s.common["X-Forwarded-Proto"] = []string{"https"}
	}
	if login := s.address.Parsed().User; login != nil {
		password, _ := login.Password()
		text := base64.StdEncoding.EncodeToString([]byte(login.Username() + ":" + password))
		s.common["Authorization"] = []string{"Basic " + text}
	}
	return s
}

// header returns a copy of the common header, to which fields can be added. It shares its values.
func (s site) header() http.Header {
	h := make(http.Header, 14) // the most that fit into two groups of Go's map; a usual request has 11
	maps.Copy(h, s.common)
	return h
}

// place is the URL of a document of the app.
type place struct {
	signed  weburl.URL // as Twilio would request it
	address weburl.URL // as it is requested
	base    weburl.URL // against which the references in the document are resolved
}

// webhook returns the place of the first document. query is the query of Twilio's request, with its question mark.
func (s site) webhook(query string) place {
	p := place{signed: s.public, address: s.address, base: s.public}
	if p.signed.Query == "" {
		p.signed.Query = p.address.Query
	} else if p.address.Query == "" {
		p.address.Query = p.signed.Query
	}
	p.base.Path, p.base.Query = p.address.Path, p.address.Query
	return p.with(strings.TrimPrefix(query, "?"))
}

// find returns the place of an absolute URL. It reports whether the URL is one of the app's own: its host is that of
// the webhook's public URL or of its address. The scheme may differ, because an app behind a proxy often writes http.
// A space in the URL is written as %20.
func (s site) find(text string) (_ place, isOwn bool) {
	u, err := weburl.Parse(strings.ReplaceAll(text, " ", "%20"))
	if err != nil || !isSameHost(u, s.public) && !isSameHost(u, s.address) {
		return place{}, false
	}
	p := place{signed: s.public, address: s.address}
	p.signed.Path, p.signed.Query = u.Path, u.Query
	p.address.Path, p.address.Query = u.Path, u.Query
	p.base = p.signed
	return p, true
}

// isSameHost compares the names and the ports of two URLs. The default ports of http and https count as equal.
func isSameHost(a, b weburl.URL) bool {
	return strings.EqualFold(hostOf(a), hostOf(b))
}

func hostOf(u weburl.URL) string {
	host, port := url.URL{Host: u.Host}, u.Port()
	if port == "443" && u.IsHTTPS() || port == "80" && !u.IsHTTPS() {
		port = ""
	}
	return ascii(host.Hostname()) + ":" + port
}

// ascii returns the name of a host in Punycode, if it has letters outside ASCII.
func ascii(name string) string {
	if punycode, err := idna.Lookup.ToASCII(name); err == nil {
		return punycode
	}
	return name
}

// with returns the place with escaped parameters added to its query.
func (p place) with(parameters string) place {
	if parameters != "" {
		p.signed.Query = withParameters(p.signed.Query, parameters)
		p.address.Query = withParameters(p.address.Query, parameters)
		p.base.Query = withParameters(p.base.Query, parameters)
	}
	return p
}

func withParameters(query, parameters string) string {
	if query == "" {
		return "?" + parameters
	}
	return query + "&" + parameters
}

// url returns the URL that is signed, with the scheme in lower case.
func (p place) url() string { return p.signed.Origin() + p.signed.Path + p.signed.Query }

// request returns the URL that is requested, without user and password.
func (p place) request() *url.URL {
	p.address.Login = ""
	return p.address.Parsed()
}
