package cookies

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The errors of Parse. None of them quotes the header.
var (
	// ErrIgnored means that the header sets nothing. The response is valid.
	ErrIgnored = errors.New("a Set-Cookie header has no equals sign, so browsers ignore it")
	// ErrCharacter and ErrName make Twilio refuse the whole response (https://www.twilio.com/docs/api/errors/11206).
	ErrCharacter = errors.New("a Set-Cookie header has a tab or a control character")
	ErrName      = errors.New("a Set-Cookie header has a cookie with an empty name")
)

// SetCookie is a parsed Set-Cookie header. Twilio's documentation does not mention Path, Domain and Secure.
type SetCookie struct {
	Cookie
	Path   string // "" unless the header has a path that begins with a slash
	Domain string // in lower case, without a leading dot
	Secure bool
}

// Parse reads a Set-Cookie header that is received at the time now, as RFC 6265, section 5.2, requires. The name ends at
// the first equals sign. The value is kept byte for byte, with its quotes, without the spaces around it. If an
// attribute is given twice, the last one counts. Attributes that are unknown or malformed are ignored.
//
// Cookie.Expires is set from Max-Age, or else from Expires. If it is not after now, the header deletes the cookie.
func Parse(header string, now time.Time) (SetCookie, error) {
	if strings.ContainsAny(header, "\t\r\n\v\f") {
		return SetCookie{}, ErrCharacter
	}
	pair, attributes, _ := strings.Cut(header, ";")
	name, value, found := strings.Cut(pair, "=")
	if !found {
		return SetCookie{}, ErrIgnored
	}
	c := SetCookie{Cookie: Cookie{Name: strings.Trim(name, " "), Value: strings.Trim(value, " "), set: now}}
	if c.Name == "" {
		return SetCookie{}, ErrName
	}
	c.parseAttributes(attributes, now)
	return c, nil
}

// Deletes reports whether the header deletes the cookie instead of setting it.
func (c SetCookie) Deletes() bool { return c.expired(c.set) }

func (c *SetCookie) parseAttributes(list string, now time.Time) {
	hasMaxAge := false
	for attribute := range strings.SplitSeq(list, ";") {
		name, value, _ := strings.Cut(attribute, "=")
		value = strings.Trim(value, " ")
		switch strings.ToLower(strings.Trim(name, " ")) {
		case "max-age":
			if age, ok := parseMaxAge(value); ok {
				c.Expires, hasMaxAge = now.Add(age), true
			}
		case "expires":
			if at, ok := parseExpires(value); ok && !hasMaxAge {
				c.Expires = at
			}
		case "path":
			c.Path = ""
			if strings.HasPrefix(value, "/") {
				c.Path = value
			}
		case "domain":
			c.Domain = strings.ToLower(strings.TrimPrefix(value, "."))
		case "secure":
			c.Secure = true
		}
	}
}

// maxAge is the longest age that browsers accept, 400 days. It keeps a large Max-Age from overflowing.
const maxAge = 400 * 24 * time.Hour

// parseMaxAge parses a number of seconds. A negative number means 0.
func parseMaxAge(value string) (time.Duration, bool) {
	digits := strings.TrimPrefix(value, "-")
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	if digits != value {
		return 0, true
	}
	seconds, err := strconv.Atoi(digits)
	if err != nil || seconds > int(maxAge/time.Second) {
		return maxAge, true
	}
	return time.Duration(seconds) * time.Second, true
}

// parseExpires parses the date formats of HTTP, and the format with dashes that older servers write.
func parseExpires(value string) (time.Time, bool) {
	at, err := http.ParseTime(value)
	if err != nil {
		at, err = time.Parse("Mon, 02-Jan-2006 15:04:05 MST", value)
	}
	return at, err == nil
}
