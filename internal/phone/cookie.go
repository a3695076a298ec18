package phone

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"smsession/internal/hostname"
)

// Cookie is one cookie of the jar.
type Cookie struct {
	Name    string    `json:"name"`
	Value   string    `json:"value"`
	Expires time.Time `json:"expires"` // by the phone's clock
}

// origin is a URL as cookies see it.
type origin struct {
	secure bool // https, or this machine
	server string
	host   string // in lower case, without its port
	path   string
}

func originOf(u webURL) origin {
	host := u.hostname()
	path := u.path
	if path == "" {
		path = "/"
	}
	return origin{
		secure: u.secure() || hostname.IsLoopback(host),
		server: strings.ToLower(u.scheme) + "://" + host + ":" + u.port(),
		host:   host,
		path:   path,
	}
}

func (o origin) sameServer(other origin) bool { return o.server == other.server }

// setCookie is a Set-Cookie header, parsed.
type setCookie struct {
	name, value string
	path        string // "" where the header gives none that begins with a slash
	domain      string // in lower case, without its first dot; "" where the header gives none
	secure      bool
	ends        time.Time // by the phone's clock; zero where the header says nothing
}

// What Twilio refuses a whole answer for (https://www.twilio.com/docs/api/errors/11206).
const (
	badCookieByte = "A Set-Cookie header has a byte in it that Twilio does not take."
	badCookieName = "A Set-Cookie header has a cookie with an empty name."
)

// parseSetCookie reads a header as RFC 6265 has it in section 5.2, which is what browsers do; net/http's reader refuses
// values that they take. Value and quotes are kept as they are. A header without an equals sign sets nothing: then the
// name is empty. The problem is one for which Twilio refuses the whole answer, "" if there is none.
func parseSetCookie(header string, now time.Time) (c setCookie, problem string) {
	if strings.ContainsAny(header, "\t\r\n\v\f") {
		return setCookie{}, badCookieByte
	}
	pair, attributes, _ := strings.Cut(header, ";")
	name, value, found := strings.Cut(pair, "=")
	if !found {
		return setCookie{}, ""
	}
	c.name, c.value = strings.Trim(name, " "), strings.Trim(value, " ")
	if c.name == "" {
		return setCookie{}, badCookieName
	}
	c.attributes(attributes, now)
	return c, ""
}

// attributes reads what stands after the first semicolon. The last one of a name counts, and Max-Age counts before
// Expires. What cannot be read is passed over.
func (c *setCookie) attributes(list string, now time.Time) {
	var maxAge bool
	for attribute := range strings.SplitSeq(list, ";") {
		name, value, _ := strings.Cut(attribute, "=")
		value = strings.Trim(value, " ")
		switch strings.ToLower(strings.Trim(name, " ")) {
		case "max-age":
			if age, ok := parseMaxAge(value); ok {
				c.ends, maxAge = now.Add(age), true
			}
		case "expires":
			if at, ok := parseExpires(value); ok && !maxAge {
				c.ends = at
			}
		case "path":
			c.path = ""
			if strings.HasPrefix(value, "/") {
				c.path = value
			}
		case "domain":
			c.domain = strings.ToLower(strings.TrimPrefix(value, "."))
		case "secure":
			c.secure = true
		}
	}
}

// longestAge is the most that browsers take, 400 days. It keeps a silly Max-Age from overflowing.
const longestAge = 400 * 24 * 60 * 60

// parseMaxAge reads a number of seconds.
func parseMaxAge(value string) (time.Duration, bool) {
	digits := strings.TrimPrefix(value, "-")
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	if digits != value {
		return 0, true
	}
	seconds, err := strconv.Atoi(digits)
	if err != nil || seconds > longestAge {
		seconds = longestAge
	}
	return time.Duration(seconds) * time.Second, true
}

// parseExpires reads the forms of a date that HTTP knows, and the one with dashes that older servers write.
func parseExpires(value string) (time.Time, bool) {
	at, err := http.ParseTime(value)
	if err != nil {
		at, err = time.Parse("Mon, 02-Jan-2006 15:04:05 MST", value)
	}
	return at, err == nil
}
