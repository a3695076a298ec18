package config

import (
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"unicode"

	"smsession/internal/hostname"
)

// The service's routes, below PUBLIC_URL.
const (
	webhookRoute  = "/sms"
	fallbackRoute = "/sms/fallback"
)

// URL is a URL that Twilio is configured with. Twilio signs its bytes as they were configured, except those of the login
// and the fragment. Therefore a URL keeps every byte, also the case of scheme and host. The zero URL is not set.
type URL struct {
	scheme   string // http:// or https://, in any case
	login    string // user:password@, or ""
	location string // host, port and path
	fragment string // # and what follows, such as a connection override; or ""
}

// String returns the part of the URL that Twilio signs. It contains no secret. It is "" for the zero URL.
func (u URL) String() string { return u.scheme + u.location }

// LogValue returns the result of String, so that a logged URL shows no secret.
func (u URL) LogValue() slog.Value { return slog.StringValue(u.String()) }

// Configured returns the whole URL, byte for byte. It may contain a password. It is "" for the zero URL.
func (u URL) Configured() string { return u.scheme + u.login + u.location + u.fragment }

// IsHTTPS reports whether the scheme is https.
func (u URL) IsHTTPS() bool { return strings.EqualFold(u.scheme, "https://") }

// Append returns the URL with a path after its own path.
func (u URL) Append(path string) URL {
	u.location += path
	return u
}

// parsePublicURL drops the last slash, because Append adds one.
func parsePublicURL(text string) (URL, error) {
	u, err := ParseURL(text)
	u.location = strings.TrimSuffix(u.location, "/")
	return u, err
}

// ParseURL parses a URL that Twilio is configured with. No error quotes it, because it may contain a password.
func ParseURL(text string) (URL, error) {
	address, fragment, _ := strings.Cut(text, "#")
	scheme, rest, _ := strings.Cut(address, "://")
	parsed, err := url.Parse(address) // err quotes the URL
	switch {
	case strings.ContainsFunc(text, isBlank):
		return URL{}, errors.New("must not contain spaces or control characters")
	case !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https"):
		return URL{}, errors.New("must begin with https:// or http://")
	case strings.Contains(fragment, "@"):
		return URL{}, errors.New("has a # before the @; in a user or password, write %23 for #")
	case strings.Contains(address, "?"):
		return URL{}, errors.New("must not have a query (a ? and what follows), because the query of each request is used")
	case err != nil:
		return URL{}, errors.New("must be a valid URL, such as https://sms.example.com")
	}
	if err := hostname.Check(parsed); err != nil {
		return URL{}, err
	}
	authority, _, _ := strings.Cut(rest, "/")
	at := strings.LastIndexByte(authority, '@') + 1
	return URL{scheme: scheme + "://", login: rest[:at], location: rest[at:], fragment: text[len(address):]}, nil
}

// isBlank reports whether r is white space or a control character.
func isBlank(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }
