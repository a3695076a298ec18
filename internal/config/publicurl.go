package config

import (
	"cmp"
	"net/url"
	"strings"
	"unicode"
)

const (
	publicURL   = "PUBLIC_URL"
	webhookURL  = "WEBHOOK_URL"
	fallbackURL = "FALLBACK_URL"
)

// The service's routes below PUBLIC_URL.
const (
	webhookRoute  = "/sms"
	fallbackRoute = "/sms/fallback"
)

// require adds a fault when a setting without a default is not set.
func (c *checker) require(name, value, what string) {
	if strings.TrimSpace(value) == "" {
		c.fault(name, "is required: %s", what)
	}
}

// webhookURLs checks the URLs that Twilio has been told: PUBLIC_URL,
// WEBHOOK_URL and FALLBACK_URL, as far as they are set.
func (c *checker) webhookURLs(f PublicURLFlags, w WebhookURLFlags) {
	c.config.PublicURL = strings.TrimSuffix(c.signedURL(publicURL, f.PublicURL), "/")
	c.config.WebhookURL = c.signedURL(webhookURL, w.WebhookURL)
	c.config.FallbackURL = c.signedURL(fallbackURL, w.FallbackURL)
	if c.config.PublicURL != "" {
		c.config.WebhookURL = cmp.Or(c.config.WebhookURL, c.config.PublicURL+webhookRoute)
		c.config.FallbackURL = cmp.Or(c.config.FallbackURL, c.config.PublicURL+fallbackRoute)
	}
	c.config.SecureCookie = hasScheme(c.config.WebhookURL, "https")
}

// signedURL returns the part of a URL setting that Twilio signs. It returns ""
// if the setting is empty or faulty. The value may contain a password, so no
// fault quotes it.
func (c *checker) signedURL(name, value string) string {
	value = strings.TrimSpace(value)
	if value == "" {
		return ""
	}
	address, problem := cutUnsigned(value)
	if problem != "" {
		c.fault(name, "%s", problem)
	}
	return address
}

// cutUnsigned returns raw without fragment, user and password. It cuts the
// string and does not rebuild it from its parts, because Twilio signs the bytes
// that were configured. For the same reason the case of the scheme is kept.
func cutUnsigned(raw string) (address, problem string) {
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
	return scheme + "://" + host + path, ""
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
