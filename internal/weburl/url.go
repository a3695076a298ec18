// Package weburl parses the URL of a webhook. Twilio signs the bytes of the URL that was configured, so this package
// keeps them. It does not rebuild a URL with net/url, which can change the bytes.
package weburl

import (
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"unicode"

	"smsession/internal/hostname"
)

// The paths of the service's webhook and of its fallback, below PUBLIC_URL.
const (
	WebhookPath  = "/sms"
	FallbackPath = "/sms/fallback"
)

// URL is the URL of a webhook, split into its parts. The parts contain their separators, so all parts together are the
// URL byte for byte. The zero URL means that no URL is set. Two URLs can be compared with ==.
type URL struct {
	Scheme   string // "https://" or "http://", in any case
	Login    string // "user:password@", or ""
	Host     string // with the port, if it is given
	Path     string // begins with a slash, or is ""
	Query    string // begins with a question mark, or is ""
	Fragment string // begins with a number sign, or is ""; Twilio's connection overrides
}

// Split splits a text into the parts of a URL. It does not check the text: for a malformed URL, the parts are
// malformed, too.
func Split(text string) (u URL) {
	text, u.Fragment = cutBefore(text, "#")
	text, u.Query = cutBefore(text, "?")
	if scheme, rest, found := strings.Cut(text, "://"); found {
		u.Scheme, text = scheme+"://", rest
	}
	u.Host, u.Path = cutBefore(text, "/")
	at := strings.LastIndexByte(u.Host, '@') + 1
	u.Login, u.Host = u.Host[:at], u.Host[at:]
	return u
}

func cutBefore(text, separator string) (before, after string) {
	before, _, _ = strings.Cut(text, separator)
	return before, text[len(before):]
}

// Parse splits and checks an absolute http or https URL. It accepts any text as the name of the host, because Twilio
// looks the name up. The error is a sentence that does not quote the URL, because the URL may contain a password.
func Parse(text string) (URL, error) {
	u := Split(text)
	parsed, err := url.Parse(text) // err quotes the URL
	isBlank := func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }
	switch {
	case strings.ContainsFunc(text, isBlank):
		return URL{}, errors.New("the URL has a space or a control character")
	case !strings.EqualFold(u.Scheme, "https://") && !strings.EqualFold(u.Scheme, "http://"):
		return URL{}, errors.New("the URL does not begin with https:// or http://")
	case err != nil:
		return URL{}, errors.New("the URL is not valid: write it as in https://sms.example.com")
	}
	if err := hostname.Check(parsed); err != nil && err != hostname.ErrName {
		return URL{}, err
	}
	return u, nil
}

// String returns the URL as Twilio signs it for messages: without user, password and fragment, but with the port. It
// contains no password. It is "" for the zero URL.
//
// See https://www.twilio.com/docs/usage/security#validating-requests.
func (u URL) String() string { return u.Scheme + u.Host + u.Path + u.Query }

// Concealed returns the result of String with bullets in place of the query, for a URL whose query may be a secret.
func (u URL) Concealed() string {
	if u.Query != "" {
		u.Query = "?•••"
	}
	return u.String()
}

// LogValue returns the result of String, so that a logged URL shows no password.
func (u URL) LogValue() slog.Value { return slog.StringValue(u.String()) }

// Configured returns the whole URL, byte for byte. It may contain a password. It is "" for the zero URL.
func (u URL) Configured() string { return u.Scheme + u.Login + u.Host + u.Path + u.Query + u.Fragment }

// Masked returns the whole URL with bullets in place of user and password.
func (u URL) Masked() string {
	if u.Login != "" {
		u.Login = "•••@"
	}
	return u.Configured()
}

// MarshalText returns the result of Masked, so that an encoded URL shows no password.
func (u URL) MarshalText() ([]byte, error) { return []byte(u.Masked()), nil }

// Parsed returns the URL as net/url parses it, or an empty URL if net/url refuses it. net/url accepts every URL that
// Parse has returned.
func (u URL) Parsed() *url.URL {
	if parsed, err := url.Parse(u.Configured()); err == nil {
		return parsed
	}
	return new(url.URL)
}

// IsHTTPS reports whether the scheme is https.
func (u URL) IsHTTPS() bool { return strings.EqualFold(u.Scheme, "https://") }

// Append returns the URL with a path after its own path.
func (u URL) Append(path string) URL {
	u.Path += path
	return u
}

// Spellings returns the URLs that Twilio may have signed for a webhook at u, without their queries, the likeliest
// first. Twilio signs the bytes as they were configured, with the scheme in lower case. Twilio's documentation states
// that the signed URL of a message keeps its port. Twilio's libraries accept the URL with and without the default port
// of its scheme. A URL with another port has one spelling.
func (u URL) Spellings() []string {
	spelling := func(host string) string { return strings.ToLower(u.Scheme) + host + u.Path }
	bare, hasDefault := strings.CutSuffix(u.Host, ":"+u.defaultPort())
	switch hasPort := strings.LastIndexByte(u.Host, ':') > strings.LastIndexByte(u.Host, ']'); {
	case hasDefault:
		return []string{spelling(u.Host), spelling(bare)}
	case hasPort:
		return []string{spelling(u.Host)}
	}
	return []string{spelling(u.Host), spelling(u.Host + ":" + u.defaultPort())}
}

func (u URL) defaultPort() string {
	if u.IsHTTPS() {
		return "443"
	}
	return "80"
}
