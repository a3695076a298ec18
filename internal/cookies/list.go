// Package cookies keeps cookies as Twilio keeps them for a conversation. Parse reads a Set-Cookie header, a List has
// the cookies of one server, and a Jar has the cookies of one pair of phone numbers.
//
// The package parses names and values itself, because net/http drops values that frameworks write and browsers accept.
package cookies

import (
	"slices"
	"strings"
	"time"
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
