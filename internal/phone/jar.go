package phone

import (
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"smsession/internal/hostname"
)

// cookieLife is how long Twilio keeps a cookie that says nothing about it, and the longest that it keeps any.
const cookieLife = 4 * time.Hour

// jar holds the cookies of one pair of numbers. It is safe for concurrent use.
//
// Requests that overlap do not see each other: each begins with the jar as it was, and the last answer to arrive puts
// the jar back as its request found it, with what it sets itself. Twilio's help page warns of just that: a cookie "may
// not contain the latest specified value" after a race.
type jar struct {
	JarOptions

	mu      sync.Mutex
	cookies []kept    // as they were set; never changed in place, so that a slice is a picture of the jar
	active  time.Time // when the pair last exchanged a message
	emptied int       // how often empty was called
}

// kept is a cookie in the jar.
type kept struct {
	name, value string
	set         time.Time
	ends        time.Time // by its own attributes; zero: by none

	// In the strict mode only:
	domain   string
	path     string
	hostOnly bool
	secure   bool
}

// picture is the jar as a request found it.
type picture struct {
	cookies []kept
	sent    []kept // those of them that the request carries
	emptied int
}

// begin takes a picture for a request.
func (j *jar) begin(to origin, without bool, now time.Time) picture {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.cookies = j.living(now)
	j.active = now
	p := picture{cookies: j.cookies, emptied: j.emptied}
	if !without && !j.lost() {
		p.sent = j.matching(to)
	}
	return p
}

// end puts into the jar what an answer sets, and returns what the jar then holds.
func (j *jar) end(p picture, from origin, sets []setCookie, now time.Time) []kept {
	j.mu.Lock()
	defer j.mu.Unlock()
	cookies := p.cookies
	if p.emptied != j.emptied { // what was lost in the meantime stays lost
		cookies = nil
	}
	if len(sets) > 0 {
		cookies = slices.Clone(cookies)
	}
	for _, set := range sets {
		cookies = j.put(cookies, set, from, now)
	}
	j.cookies, j.active = cookies, now
	return cookies
}

// put adds one cookie, replaces the one that it is named after, or takes that away if it has ended already.
func (j *jar) put(cookies []kept, set setCookie, from origin, now time.Time) []kept {
	cookie := kept{name: set.name, value: set.value, set: now, ends: set.ends}
	if j.Strict {
		cookie.scope(set, from)
	}
	i := slices.IndexFunc(cookies, cookie.replaces)
	if set.deletes(now) {
		if i >= 0 {
			cookies = slices.Delete(cookies, i, i+1)
		}
		return cookies
	}
	switch {
	case j.Single:
		return append(cookies[:0], cookie)
	case i >= 0:
		cookies[i] = cookie
		return cookies
	}
	return append(cookies, cookie)
}

// replaces reports whether two cookies are the same one. In the lax mode domain and path are empty, and so count for
// nothing.
func (c kept) replaces(other kept) bool {
	return c.name == other.name && c.domain == other.domain && c.path == other.path
}

// deletes reports whether a cookie has ended when it is set. A moment's life is none.
func (c setCookie) deletes(now time.Time) bool { return !c.ends.IsZero() && !c.ends.After(now) }

// expires returns when a cookie ends, if no message comes before.
func (j *jar) expires(c kept) time.Time {
	from := j.active
	if j.SinceSet {
		from = c.set
	}
	limit := from.Add(cookieLife)
	if !c.ends.IsZero() && c.ends.Before(limit) {
		return c.ends
	}
	return limit
}

// living returns the cookies that have not ended.
func (j *jar) living(now time.Time) []kept {
	ended := func(c kept) bool { return !j.expires(c).After(now) }
	if !slices.ContainsFunc(j.cookies, ended) {
		return j.cookies
	}
	return slices.DeleteFunc(slices.Clone(j.cookies), ended)
}

func (j *jar) lost() bool { return j.Lose > 0 && rand.Float64() < j.Lose }

// matching returns the cookies that go to a URL, in the order of the Cookie header.
func (j *jar) matching(to origin) []kept {
	if !j.Strict {
		return j.cookies
	}
	match := slices.DeleteFunc(slices.Clone(j.cookies), func(c kept) bool { return !c.matches(to) })
	slices.SortStableFunc(match, func(a, b kept) int { return len(b.path) - len(a.path) })
	return match
}

// empty loses all cookies.
func (j *jar) empty() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.cookies = nil
	j.emptied++
}

// list returns what a request to a URL would carry.
func (j *jar) list(to origin, now time.Time) []Cookie {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.cookies = j.living(now)
	var cookies []Cookie
	for _, c := range j.matching(to) {
		cookies = append(cookies, Cookie{Name: c.name, Value: c.value, Expires: j.expires(c)})
	}
	return cookies
}

// changed compares two states of the jar.
func changed(before, after []kept) CookieChange {
	same := func(a, b kept) bool { return a.replaces(b) && a.value == b.value }
	switch {
	case len(before) == 0 && len(after) == 0:
		return NoCookie
	case len(before) == 0:
		return CookieNew
	case len(after) == 0:
		return CookieGone
	case slices.EqualFunc(before, after, same):
		return CookieKept
	}
	return CookieChanged
}

// scope gives a cookie the domain and the path that a browser would (RFC 6265, sections 5.2.3 to 5.3).
func (c *kept) scope(set setCookie, from origin) {
	c.secure = set.secure
	c.domain, c.hostOnly = set.domain, set.domain == ""
	if c.hostOnly {
		c.domain = from.host
	}
	c.path = set.path
	if c.path == "" {
		c.path = defaultPath(from.path)
	}
}

// allowed reports whether a browser would take a cookie from a URL: its domain is the host's or above it, and not a
// top-level domain (of public suffixes, only those without a dot are known here).
func (c setCookie) allowed(from origin) bool {
	if c.domain == "" || c.domain == from.host {
		return true
	}
	return strings.Contains(c.domain, ".") && below(from.host, c.domain)
}

// matches is RFC 6265, section 5.4, step 1.
func (c kept) matches(to origin) bool {
	if c.secure && !to.secure {
		return false
	}
	if to.host != c.domain && (c.hostOnly || !below(to.host, c.domain)) {
		return false
	}
	return pathMatches(to.path, c.path)
}

// below reports whether a host is in a domain. An IP address is in none.
func below(host, domain string) bool {
	return !hostname.IsIP(host) && strings.HasSuffix(host, "."+domain)
}

// defaultPath is RFC 6265, section 5.1.4.
func defaultPath(path string) string {
	if last := strings.LastIndexByte(path, '/'); last > 0 {
		return path[:last]
	}
	return "/"
}

// pathMatches is RFC 6265, section 5.1.4.
func pathMatches(path, cookie string) bool {
	rest, found := strings.CutPrefix(path, cookie)
	return found && (rest == "" || rest[0] == '/' || strings.HasSuffix(cookie, "/"))
}
