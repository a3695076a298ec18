// Package cookies keeps cookies as Twilio keeps them for a conversation. Parse reads a Set-Cookie header, a List has
// the cookies of one server, and a Jar has the cookies of one pair of phone numbers.
//
// The package parses names and values itself, because net/http drops values that frameworks write and browsers accept.
package cookies

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The limits of List.Check. RFC 6265, section 6.1, asks browsers for at least the first two. The third keeps the Cookie
// header below 8 KiB, at which common front servers refuse a request.
const (
	maxCookieBytes = 4096 // the name and the value
	maxCookies     = 50
	maxListBytes   = 7 << 10 // the Cookie header
)

// Cookie is one cookie.
type Cookie struct {
	Name    string    `json:"name"`
	Value   string    `json:"value"`
	Expires time.Time `json:"expires,omitzero"` // zero if the cookie has no expiry

	set   time.Time
	scope scope // where a browser sends the cookie; zero if Path, Domain and Secure have no effect
}

// Deletes reports whether the Set-Cookie header deletes the cookie instead of setting it.
func (c Cookie) Deletes() bool { return c.expired(c.set) }

// expired reports whether the cookie has expired. A cookie whose Max-Age is 0 expires when it is set.
func (c Cookie) expired(now time.Time) bool { return !c.Expires.IsZero() && !c.Expires.After(now) }

// replaces reports whether the cookie replaces another one in a List.
func (c Cookie) replaces(other Cookie) bool {
	return c.Name == other.Name && c.scope.domain == other.scope.domain && c.scope.path == other.scope.path
}

// List is the cookies of one server in the order of their creation. No method changes a List, so it is safe for
// concurrent use.
type List []Cookie

// Set returns the list after a server has set a cookie. The cookie takes the position of the cookie that it replaces,
// which has the same name and, in a strict jar, the same domain and path. If the new cookie has expired at the time
// now, Set only removes the old one.
func (l List) Set(c Cookie, now time.Time) List {
	l = slices.Clone(l)
	i := slices.IndexFunc(l, c.replaces)
	switch {
	case i < 0 && !c.expired(now):
		return append(l, c)
	case i >= 0 && c.expired(now):
		return slices.Delete(l, i, i+1)
	case i >= 0:
		l[i] = c
	}
	return l
}

// Header returns the value of the Cookie header (RFC 6265, section 4.2.1), "" for an empty list.
func (l List) Header() string {
	pairs := make([]string, len(l))
	for i, c := range l {
		pairs[i] = c.Name + "=" + c.Value
	}
	return strings.Join(pairs, "; ")
}

// Check returns an error if common servers would refuse a request with the list, or if the list cannot be stored as
// JSON: it is too long, or a cookie is too long, has a control character or is not UTF-8. The error quotes no cookie.
func (l List) Check() error {
	size := 0
	for _, c := range l {
		if err := c.check(); err != nil {
			return err
		}
		size += len(c.Name) + len("=") + len(c.Value) + len("; ")
	}
	switch {
	case len(l) > maxCookies:
		return fmt.Errorf("there are more than %d cookies", maxCookies)
	case size-len("; ") > maxListBytes:
		return fmt.Errorf("all cookies together are larger than %d bytes", maxListBytes)
	}
	return nil
}

func (c Cookie) check() error {
	switch {
	case len(c.Name)+len(c.Value) > maxCookieBytes:
		return fmt.Errorf("a cookie is larger than %d bytes", maxCookieBytes)
	case strings.ContainsFunc(c.Name, unicode.IsControl) || strings.ContainsFunc(c.Value, unicode.IsControl):
		return errors.New("a cookie has a control character")
	case !utf8.ValidString(c.Name) || !utf8.ValidString(c.Value): // together, two invalid texts can be a valid one
		return errors.New("a cookie is not UTF-8")
	}
	return nil
}
