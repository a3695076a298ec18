package cookies

import (
	"errors"
	"net/http"
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

// Parse parses a Set-Cookie header that is received at the time now. The name ends at the first equals sign. The value is
// kept byte for byte, with its quotes, without the spaces around it (RFC 6265, section 5.2). If an attribute is given
// twice, the last one counts. Attributes that are unknown or malformed are ignored.
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
	// net/http refuses pairs that browsers accept, but it parses the attributes as browsers do.
	parsed, err := http.ParseSetCookie("name=value;" + attributes)
	if err != nil {
		return c, nil
	}
	c.Expires = expires(parsed, now)
	c.Domain, c.Secure = strings.ToLower(strings.TrimPrefix(parsed.Domain, ".")), parsed.Secure
	if strings.HasPrefix(parsed.Path, "/") {
		c.Path = parsed.Path
	}
	return c, nil
}

// maxAge is the longest age that browsers accept, 400 days in seconds. It keeps a large Max-Age from overflowing.
const maxAge = 400 * 24 * 60 * 60

// expires returns when a cookie ends, the zero time if it has no end.
func expires(c *http.Cookie, now time.Time) time.Time {
	switch {
	case c.MaxAge < 0: // Max-Age=0, too
		return now
	case c.MaxAge > 0:
		return now.Add(time.Duration(min(c.MaxAge, maxAge)) * time.Second)
	}
	if at, err := http.ParseTime(c.RawExpires); err == nil { // older formats than net/http's cookies have
		return at
	}
	return c.Expires
}

// Deletes reports whether the header deletes the cookie instead of setting it.
func (c SetCookie) Deletes() bool { return c.expired(c.set) }
