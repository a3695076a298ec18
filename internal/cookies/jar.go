package cookies

import (
	"math/rand/v2"
	"net/url"
	"slices"
	"sync"
	"time"
)

// life is the longest time that Twilio keeps a cookie. Twilio also keeps a cookie without an expiry for this time.
const life = 4 * time.Hour

// Options select how a Jar keeps cookies, because Twilio's own texts contradict each other. The zero Options follow
// today's documentation: any number of cookies, kept for four hours after the last message. Path, Domain and Secure
// have no effect.
//
// See https://support.twilio.com/hc/en-us/articles/223136287 and https://www.twilio.com/docs/messaging/twiml.
type Options struct {
	SinceSet bool    // the four hours begin when the cookie is set, not with the last message
	Strict   bool    // Path, Domain and Secure have the effect that they have in a browser
	Single   bool    // only the last cookie is kept, as an older text describes
	Lose     float64 // the share of requests, from 0 to 1, that do not carry the cookies
}

// Jar keeps the cookies of one pair of phone numbers. It is safe for concurrent use.
//
// Requests that overlap do not see each other's cookies. Each starts from a Snapshot. The response that arrives last
// decides what the jar contains: the snapshot of its request, changed by the cookies that the response sets. Twilio's
// help page warns about this race: a cookie "may not contain the latest specified value".
type Jar struct {
	options Options

	mu      sync.Mutex
	list    List
	active  time.Time // the time of the last request or response
	emptied int       // the number of calls of Empty
}

// NewJar returns an empty jar. It does not check the options.
func NewJar(o Options) *Jar { return &Jar{options: o} }

// Snapshot is the content of a jar at the beginning of a request.
type Snapshot struct {
	All  List
	Sent List // the cookies that the request carries

	emptied int
}

// Snapshot returns the content of the jar for a request to a URL at the time now. The request counts as a message: the
// four hours of all cookies begin again, unless Options.SinceSet is true.
func (j *Jar) Snapshot(to *url.URL, now time.Time) Snapshot {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.removeExpired(now)
	j.active = now
	s := Snapshot{All: j.list, emptied: j.emptied}
	if j.options.Lose == 0 || rand.Float64() >= j.options.Lose {
		s.Sent = j.matching(to)
	}
	return s
}

// Parse parses a Set-Cookie header in a response from a URL, as the function Parse does, with the same errors. Path,
// Domain and Secure have an effect only in a strict jar.
func (j *Jar) Parse(header string, from *url.URL, now time.Time) (Cookie, error) {
	if !j.options.Strict {
		from = nil
	}
	return Parse(header, from, now)
}

// Update stores the cookies that a response has set, and returns the new content of the jar. s is the snapshot with
// which the request began. If Empty was called after the snapshot, the cookies of the snapshot stay deleted.
func (j *Jar) Update(s Snapshot, sets []Cookie, now time.Time) List {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.list, j.active = s.All, now
	if s.emptied != j.emptied {
		j.list = nil
	}
	for _, c := range sets {
		if j.options.Single && !c.expired(now) {
			j.list = nil
		}
		j.list = j.list.Set(c, now)
	}
	return j.list
}

// Empty deletes all cookies. The response to an earlier request can still set new ones.
func (j *Jar) Empty() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.list = nil
	j.emptied++
}

// Cookies returns the cookies that a request to a URL would carry, in their order in the Cookie header. It ignores
// Options.Lose and does not count as a message. Expires is the time at which the jar deletes the cookie if no message
// comes first.
func (j *Jar) Cookies(to *url.URL, now time.Time) []Cookie {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.removeExpired(now)
	list := slices.Clone(j.matching(to))
	for i := range list {
		list[i].Expires = j.end(list[i])
	}
	return list
}

// end returns when the jar deletes a cookie.
func (j *Jar) end(c Cookie) time.Time {
	begin := j.active
	if j.options.SinceSet {
		begin = c.set
	}
	if limit := begin.Add(life); !c.expired(limit) {
		return limit
	}
	return c.Expires
}

func (j *Jar) removeExpired(now time.Time) {
	isOver := func(c Cookie) bool { return !j.end(c).After(now) }
	j.list = slices.DeleteFunc(slices.Clone(j.list), isOver)
}

// matching returns the cookies that are sent to a URL. A browser sends the cookies with longer paths first.
func (j *Jar) matching(to *url.URL) List {
	if !j.options.Strict {
		return j.list
	}
	match := slices.DeleteFunc(slices.Clone(j.list), func(c Cookie) bool { return !c.scope.matches(to) })
	slices.SortStableFunc(match, func(a, b Cookie) int { return len(b.scope.path) - len(a.scope.path) })
	return match
}
