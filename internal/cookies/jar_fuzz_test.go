package cookies

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The texts of which FuzzJar makes URLs and Set-Cookie headers. "" stands for an attribute that is missing.
//
// The attributes avoid the cases in which cookiejar differs from RFC 6265: it refuses a domain that is only a dot, and
// a dot before an IP address.
var (
	addresses = []string{
		"https://sms.example.com/a/sms", "http://sms.example.com/a/b/sms", "https://example.com",
		"http://a.sms.example.com/a", "https://other.example/a/sms", "http://127.0.0.1/a/sms",
		"http://localhost:8080/a", "https://a.localhost/a",
	}
	paths   = []string{"", "/", "/a", "/a/", "/a/b", "b", "/ab"}
	domains = []string{
		"", "example.com", ".Example.com", "sms.example.com", "com", "other.example", "localhost", "127.0.0.1", "0.1",
	}
	ages   = []int{0, 0, 0, -1, 1, 3600, 4 * 3600, 1 << 31}
	pauses = []time.Duration{
		0, 0, time.Second, time.Hour, 2 * time.Hour, 4*time.Hour - time.Second, 4 * time.Hour, 9 * time.Hour,
	}
)

// FuzzJar compares a Jar with net/http's jar, which a browser adapts to the rules of Twilio's texts. The script selects
// the options, the requests and their cookies.
func FuzzJar(f *testing.F) {
	const plain, elsewhere, localhost, below = 0, 2, 6, 7 // addresses
	for options := range byte(16) {
		f.Add(slices.Concat([]byte{options}, request(plain, 0, cookie(0, 0, 5), cookie(1, 0, 0)), request(plain, 4),
			request(plain, 4), request(plain, 3, cookie(0, 0, 3))))
		f.Add(slices.Concat([]byte{options}, request(plain, 0, cookie(1, 0, 0), cookie(2, 0, 0)), request(plain, 0),
			request(plain, 7), request(plain, 0)))
		f.Add(slices.Concat([]byte{options}, request(plain, 0, cookie(0, 0, 0), cookie(0, 0, 0)),
			request(plain, 0, cookie(0, 0, 0))))
		f.Add(slices.Concat([]byte{options}, request(plain, 0, cookie(1, 4, 0)), request(elsewhere, 0)))
		f.Add(slices.Concat([]byte{options}, request(localhost, 0, cookie(1, 6, 0)), request(below, 0)))
	}
	urls := make([]*url.URL, len(addresses))
	for i, address := range addresses {
		urls[i], _ = url.Parse(address)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		synctest.Test(t, func(t *testing.T) { // which has a clock that Sleep moves
			s := steps(script)
			o := s.options()
			jar, browser := NewJar(o), newBrowser(o)
			for n, isLast := 0, false; n < 12 && !isLast; n++ {
				isLast = len(s) == 0
				to := urls[s.next(len(urls))]
				time.Sleep(pauses[s.next(len(pauses))])
				want := browser.request(to)
				if s.next(2) == 1 {
					if got := List(jar.Cookies(to, time.Now())).Header(); got != want {
						t.Fatalf("%+v: the cookies for %s are %q, want %q", o, to, got, want)
					}
				}
				s.exchange(t, jar, browser, to, want)
			}
		})
	})
}

// request returns the part of a script for a request after a pause.
func request(address, pause byte, cookies ...[]byte) []byte {
	return append([]byte{address, pause, 0, 0, byte(len(cookies))}, slices.Concat(cookies...)...)
}

// cookie returns the part of a script for a cookie in an answer.
func cookie(path, domain, age byte) []byte { return []byte{0, path, domain, age, 0, 0} }

// steps is the rest of a script.
type steps []byte

// next returns a number below n, which is 0 at the end of the script.
func (s *steps) next(n int) int {
	if len(*s) == 0 {
		return 0
	}
	b := (*s)[0]
	*s = (*s)[1:]
	return int(b) % n
}

func (s *steps) options() Options {
	bits := s.next(16)
	return Options{SinceSet: bits&1 > 0, Strict: bits&2 > 0, Single: bits&4 > 0, Lose: float64(bits >> 3)}
}

// exchange simulates a request that carries some cookies. An answer to an earlier request that arrives before its own
// has no effect in the end.
func (s *steps) exchange(t *testing.T, jar *Jar, b *browser, to *url.URL, want string) {
	if b.options.Lose == 1 {
		want = ""
	}
	earlier, own := jar.Snapshot(to, time.Now()), jar.Snapshot(to, time.Now())
	if got := own.Sent.Header(); got != want {
		t.Fatalf("%+v: a request to %s has the cookies %q, want %q", b.options, to, got, want)
	}
	kind := s.next(4)
	if kind == 1 {
		jar.Update(earlier, s.cookies(t, jar, to, nil), time.Now())
	}
	if kind == 2 {
		jar.Empty()
		b.empty()
	}
	jar.Update(own, s.cookies(t, jar, to, b), time.Now())
}

// cookies returns some cookies of an answer, after the browser, unless it is nil, has got them.
func (s *steps) cookies(t *testing.T, jar *Jar, from *url.URL, b *browser) (sets []Cookie) {
	for i := range s.next(3) {
		c := &http.Cookie{
			Name: "abc"[i:][:1+s.next(2)], Value: fmt.Sprint(len(*s)), Path: paths[s.next(len(paths))],
			Domain: domains[s.next(len(domains))], MaxAge: ages[s.next(len(ages))], Secure: s.next(2) == 1,
		}
		if s.next(3) == 1 {
			c.Expires = time.Now().Add(time.Duration(s.next(7)-1) * time.Hour)
		}
		set, err := jar.Parse(header(c), from, time.Now())
		if err == nil {
			sets = append(sets, set)
		} else if err != ErrDomain {
			t.Fatalf("%q: %v", header(c), err)
		}
		if b != nil {
			b.set(c, from)
		}
	}
	return sets
}

// header returns a Set-Cookie header. net/http's own function leaves out attributes that it does not like.
func header(c *http.Cookie) string {
	text := c.Name + "=" + c.Value + "; Path=" + c.Path + "; Domain=" + c.Domain
	if c.MaxAge != 0 {
		text += fmt.Sprint("; Max-Age=", c.MaxAge)
	}
	if !c.Expires.IsZero() {
		text += "; Expires=" + c.Expires.UTC().Format(http.TimeFormat)
	}
	if c.Secure {
		text += "; Secure"
	}
	return text
}

// browser is net/http's jar with the rules that Options describe.
type browser struct {
	options Options
	jar     *cookiejar.Jar
	last    time.Time // the last message
}

func newBrowser(o Options) *browser {
	b := &browser{options: o, last: time.Now()}
	b.empty()
	return b
}

func (b *browser) empty() {
	b.jar, _ = cookiejar.New(&cookiejar.Options{PublicSuffixList: lastLabel{}})
}

// lastLabel is a list in which every top-level domain is a public suffix, and no other domain.
type lastLabel struct{}

func (lastLabel) PublicSuffix(domain string) string { return domain[strings.LastIndex(domain, ".")+1:] }
func (lastLabel) String() string                    { return "top-level domains" }

// request returns the Cookie header of a message. All cookies end four hours after the last message, if they do not
// end four hours after they were set.
func (b *browser) request(to *url.URL) string {
	if !b.options.SinceSet && time.Since(b.last) >= 4*time.Hour {
		b.empty()
	}
	b.last = time.Now()
	var pairs []string
	for _, c := range b.jar.Cookies(b.place(to)) {
		pairs = append(pairs, c.Name+"="+c.Value)
	}
	return strings.Join(pairs, "; ")
}

// place returns the URL, or the same URL for all if URLs have no effect.
func (b *browser) place(u *url.URL) *url.URL {
	if b.options.Strict {
		return u
	}
	return &url.URL{Scheme: "https", Host: "twilio.example", Path: "/"}
}

func (b *browser) set(c *http.Cookie, from *url.URL) {
	if !b.options.Strict {
		c.Path, c.Domain, c.Secure = "/", "", false
	}
	if limit := time.Now().Add(4 * time.Hour); b.options.SinceSet {
		c.MaxAge = min(c.MaxAge, 4*3600)
		if c.MaxAge == 0 && (c.Expires.IsZero() || c.Expires.After(limit)) {
			c.Expires = limit
		}
	}
	isDeleted := c.MaxAge < 0 || c.MaxAge == 0 && !c.Expires.IsZero() && !c.Expires.After(time.Now())
	if b.options.Single && !isDeleted && b.accepts(c, from) {
		b.empty()
	}
	b.jar.SetCookies(b.place(from), []*http.Cookie{c})
}

// accepts reports whether the cookie's domain is accepted.
func (b *browser) accepts(c *http.Cookie, from *url.URL) bool {
	other := newBrowser(b.options)
	other.jar.SetCookies(b.place(from), []*http.Cookie{{Name: "a", Domain: c.Domain, Path: "/"}})
	return len(other.jar.Cookies(b.place(from))) == 1
}
