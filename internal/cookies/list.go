// Package cookies keeps cookies as Twilio keeps them for a conversation. Parse reads a Set-Cookie header, a List holds
// the cookies of one server, and a Jar holds those of one pair of phone numbers.
//
// It does not use net/http's cookies, because net/http drops values that frameworks write and that browsers accept.
package cookies

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// The limits of a List. RFC 6265, section 6.1, asks browsers for the first two. The third keeps the Cookie header well
// below 8 KiB, at which many front servers refuse a request.
const (
	maxCookieBytes = 4096
	maxCookies     = 50
	maxListBytes   = 7 << 10
)

// Cookie is one cookie.
type Cookie struct {
	Name    string    `json:"name"`
	Value   string    `json:"value"`
	Expires time.Time `json:"expires,omitzero"` // zero if the server has set no end

	set   time.Time
	scope scope // only in a strict Jar
}

// expired reports whether the cookie has ended. A cookie whose Max-Age is 0 ends when it is set.
func (c Cookie) expired(now time.Time) bool { return !c.Expires.IsZero() && !c.Expires.After(now) }

// replaces reports whether the server means the same cookie as other.
func (c Cookie) replaces(other Cookie) bool {
	return c.Name == other.Name && c.scope.domain == other.scope.domain && c.scope.path == other.scope.path
}

// List holds the cookies of one server in the order of their creation. No method changes a List in place.
type List []Cookie

// Set returns the list after a server has set a cookie. The cookie takes the place of the one with the same name. If it
// has already expired, Set deletes the one with the same name.
func (l List) Set(c Cookie, now time.Time) List {
	i := slices.IndexFunc(l, c.replaces)
	switch {
	case i >= 0 && c.expired(now):
		return slices.Delete(slices.Clone(l), i, i+1)
	case c.expired(now):
		return l
	case i >= 0:
		l = slices.Clone(l)
		l[i] = c
		return l
	}
	return append(slices.Clip(l), c)
}

// Header returns the value of the Cookie header (RFC 6265, section 4.2.1), "" for an empty list.
func (l List) Header() string {
	var header strings.Builder
	for i, c := range l {
		if i > 0 {
			header.WriteString("; ")
		}
		header.WriteString(c.Name + "=" + c.Value)
	}
	return header.String()
}

// Check returns an error if the list is larger than what common servers accept, or if a cookie is not UTF-8 and can
// therefore not be stored as JSON. The error quotes no cookie. The limits of Twilio's own jar are not documented.
func (l List) Check() error {
	if len(l) > maxCookies {
		return fmt.Errorf("more than %d cookies are set", maxCookies)
	}
	for _, c := range l {
		switch {
		case len(c.Name)+len(c.Value) > maxCookieBytes:
			return fmt.Errorf("a cookie is larger than %d bytes", maxCookieBytes)
		case !utf8.ValidString(c.Name + c.Value):
			return errors.New("a cookie is not UTF-8")
		}
	}
	if len(l.Header()) > maxListBytes {
		return fmt.Errorf("the cookies are together larger than %d bytes", maxListBytes)
	}
	return nil
}
