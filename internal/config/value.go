package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"
	"unicode"

	"smsession/internal/config/redisurl"
	"smsession/internal/duration"
	"smsession/internal/hostname"
	"smsession/internal/twilio"
	"smsession/internal/weburl"
)

// The parsers of this file get the text of a setting, which is not empty and has no white space around it.

// wholeNumber returns a parser of the numbers from least to most.
func wholeNumber(least, most int) func(string) (int, error) {
	return func(text string) (int, error) {
		n, err := strconv.Atoi(text)
		if err != nil || n < least || n > most {
			return 0, fmt.Errorf("%s is not a whole number from %d to %d", quote(text), least, most)
		}
		return n, nil
	}
}

// durationOf returns a parser of the durations from least to most. The hint is the end of its error.
func durationOf(least, most time.Duration, hint string) func(string) (time.Duration, error) {
	return func(text string) (time.Duration, error) {
		d, err := time.ParseDuration(text)
		if err != nil || d < least || d > most {
			return 0, fmt.Errorf("%s is not a duration from %s to %s, %s", quote(text), format(least), format(most),
				hint)
		}
		return d, nil
	}
}

// oneOf returns a parser of values, in upper or lower case.
func oneOf[T any](values ...T) func(string) (T, error) {
	return func(text string) (value T, err error) {
		var words []string
		for _, v := range values {
			if words = append(words, format(v)); strings.EqualFold(text, format(v)) {
				return v, nil
			}
		}
		return value, fmt.Errorf("%s is not one of: %s", quote(text), strings.Join(words, ", "))
	}
}

// parsePrefix parses REDIS_PREFIX. Braces are refused because they would move all keys to one slot of a Cluster. The
// other refused characters are patterns of SCAN's MATCH. See https://redis.io/docs/latest/commands/keys/ for the
// patterns.
func parsePrefix(text string) (string, error) {
	refused := func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`{}*?[]\`, r) }
	if len(text) > 64 || strings.ContainsFunc(text, refused) {
		return "", errors.New(`the prefix must be at most 64 bytes of printable ASCII, without spaces or any of { } * ? [ ] \`)
	}
	return text, nil
}

// parseHostPort parses the address of a listener: a name, an IP address or nothing, then a colon and a port. Without a
// host, the service listens on all interfaces. For port 0, the system chooses a port.
func parseHostPort(text string) (string, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil || host != "" && !hostname.Valid(host) {
		return "", errors.New("the address must be host:port or :port, such as 127.0.0.1:8080 or :8080")
	}
	return portAt(host)(port)
}

// withPort adds a port to an address that has none: a name, an IPv4 address, or an IPv6 address in brackets. A number
// is not a name, and without brackets, the end of an IPv6 address may be meant as a port.
func withPort(addr, port string) string {
	host := strings.TrimSpace(addr)
	inner, isBracketed := strings.CutPrefix(host, "[")
	if isBracketed {
		inner, isBracketed = strings.CutSuffix(inner, "]")
	}
	_, err := strconv.Atoi(host)
	if hostname.Valid(inner) && err != nil && isBracketed == strings.Contains(inner, ":") {
		return net.JoinHostPort(inner, port)
	}
	return addr
}

// portAt returns a parser of the port of a listener. It refuses the name of a service, such as http, because the
// meaning of the name depends on the host.
func portAt(host string) func(string) (string, error) {
	return func(port string) (string, error) {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return "", errors.New("the port must be a number from 0 to 65535, such as 8080")
		}
		return net.JoinHostPort(host, port), nil
	}
}

// parseHostNames parses ADMIN_HOSTS. It accepts only names that can be in a Host header, which is ASCII. It refuses
// wildcards, because an attacker could use any name below the domain for DNS rebinding.
func parseHostNames(text string) (names []string, err error) {
	for entry := range strings.SplitSeq(text, ",") {
		entry = strings.TrimSpace(entry)
		if entry == "" {
			continue
		}
		name := hostname.Of(entry)
		if !hostname.Valid(name) || strings.ContainsFunc(entry,
			func(r rune) bool { return r > unicode.MaxASCII || r == '/' }) {
			err = errors.Join(err, fmt.Errorf("%s is not a host name, such as sms-1 or metrics.example.com",
				quote(entry)))
		}
		names = append(names, name)
	}
	return names, err
}

// parsePublicURL parses PUBLIC_URL. It drops the last slash, because our routes begin with a slash.
func parsePublicURL(text string) (weburl.URL, error) {
	u, err := parseURL(text)
	u.Path = strings.TrimSuffix(u.Path, "/")
	return u, err
}

// parseURL parses a URL that Twilio is configured with.
func parseURL(text string) (weburl.URL, error) {
	u, err := parseURLWithQuery(text)
	if err == nil && u.Query != "" {
		return weburl.URL{}, errors.New("the URL has a query (a ? and what follows): " +
			"leave it out, because the query of each request is used")
	}
	return u, err
}

// parseAppURL parses a URL of the app. It refuses a fragment, because the connection overrides of a webhook at Twilio
// would have no effect.
func parseAppURL(text string) (weburl.URL, error) {
	u, err := parseURLWithQuery(text)
	switch {
	case err != nil:
		return weburl.URL{}, err
	case u.Path == "" && strings.Contains(u.Query, "@"):
		return weburl.URL{}, errors.New("the URL has a ? before the @: in a user or password, write %3F for ?")
	case u.Fragment != "":
		return weburl.URL{}, errors.New("the URL has a fragment (a # and what follows): " +
			"leave it out, because no call contains it")
	}
	return u, nil
}

// parseURLWithQuery parses the URL of a webhook. No error quotes it, because it may contain a password.
func parseURLWithQuery(text string) (weburl.URL, error) {
	if strings.Contains(weburl.Split(text).Fragment, "@") {
		return weburl.URL{}, errors.New("the URL has a # before the @: in a user or password, write %23 for #")
	}
	u, err := weburl.Parse(text)
	if err == nil {
		err = hostname.Check(u.Parsed())
	}
	return u, err
}

// parseAccountSIDs parses TWILIO_ACCOUNT_SID. Its error does not quote the text, because it may be the auth token,
// which Twilio's console shows next to the account SID.
func parseAccountSIDs(text string) (sids []string, err error) {
	for sid := range strings.SplitSeq(text, ",") {
		sid = strings.TrimSpace(sid)
		if !twilio.IsAccountSID(sid) {
			return nil, errors.New("the value must be an account SID (AC and 32 hexadecimal digits), or several, " +
				"separated by commas")
		}
		sids = append(sids, sid)
	}
	return sids, nil
}

func parseRedisURL(text string) (redisurl.URL, error) { return redisurl.Parse(text, readFile) }

// format returns a value as it could be set again. Types with secrets mask them in their method String.
func format(value any) string {
	switch v := value.(type) {
	case time.Duration:
		return duration.Format(v)
	case slog.Level:
		return strings.ToLower(v.String())
	case []string:
		return strings.Join(v, ",")
	}
	return fmt.Sprint(value)
}

// quote returns the text of a setting in quotation marks, for a fault. It replaces a long text, because that may be a
// secret in the wrong setting: Twilio's auth tokens have 32 characters.
func quote(text string) string {
	if len(text) > 24 {
		return "the value"
	}
	return strconv.Quote(text)
}
