package config

import (
	"net/url"
	"strings"
	"unicode"
)

const publicURL = "PUBLIC_URL"

// require adds a fault when a setting without a default is not set.
func (c *checker) require(name, value, what string) {
	if strings.TrimSpace(value) == "" {
		c.fault(name, "is required: %s", what)
	}
}

// publicURL checks PUBLIC_URL, if it is set. It may hold a password, so no
// fault quotes it.
func (c *checker) publicURL(value string) {
	value = strings.TrimSpace(value)
	if value == "" {
		return
	}
	address, problem := cleanPublicURL(value)
	if problem != "" {
		c.fault(publicURL, "%s", problem)
		return
	}
	c.config.PublicURL = address
	c.config.SecureCookie = hasScheme(address, "https")
}

// cleanPublicURL returns raw without fragment, user and password and one last
// slash. It cuts the string and never writes it anew from its parts, because
// Twilio signs the bytes that were configured. That is why the case of the
// scheme is kept too, although it makes no difference elsewhere.
func cleanPublicURL(raw string) (address, problem string) {
	if strings.ContainsFunc(raw, isBlank) {
		return "", "must not contain spaces or control characters"
	}
	raw, fragment, _ := strings.Cut(raw, "#")
	if problem := publicURLProblem(raw, fragment); problem != "" {
		return "", problem
	}
	scheme, rest, _ := strings.Cut(raw, "://")
	authority, path := rest, ""
	if slash := strings.IndexByte(rest, '/'); slash >= 0 {
		authority, path = rest[:slash], rest[slash:]
	}
	host := authority[strings.LastIndexByte(authority, '@')+1:]
	return scheme + "://" + host + strings.TrimSuffix(path, "/"), ""
}

// publicURLProblem returns what is wrong with raw, the URL before its fragment.
func publicURLProblem(raw, fragment string) string {
	switch {
	case !hasScheme(raw, "http") && !hasScheme(raw, "https"):
		return "must begin with https:// or http://"
	case strings.Contains(fragment, "@"):
		return "has a # before the @: in a user or password it is written %23"
	case strings.Contains(raw, "?"):
		return "must not have a query (from ? on): the request's own is used"
	}
	u, err := url.Parse(raw) // err quotes the URL
	switch {
	case err != nil:
		return "is not a valid URL; one is https://sms.example.com"
	case u.Hostname() == "":
		return "has no host; a URL with one is https://sms.example.com"
	case !isHost(u.Hostname()):
		return "has a host that is neither a name nor an IP address"
	case strings.HasSuffix(u.Host, ":"):
		return "has a colon but no port after its host"
	}
	if _, ok := portNumber(u.Port(), 1); u.Port() != "" && !ok {
		return "has a port that is not a number from 1 to 65535"
	}
	return ""
}

// hasScheme says that raw begins with the scheme and ://, in any case.
func hasScheme(raw, scheme string) bool {
	before, _, found := strings.Cut(raw, "://")
	return found && strings.EqualFold(before, scheme)
}

// isBlank says that r is white space or a control character.
func isBlank(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r)
}
