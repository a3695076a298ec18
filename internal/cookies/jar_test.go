package cookies

import (
	"fmt"
	"net/url"
	"testing"
	"time"
)

// client is an HTTP client with its own jar and its own clock.
type client struct {
	t   *testing.T
	jar *Jar
	url *url.URL
	now time.Time
}

func newClient(t *testing.T, o Options, address string) *client {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return &client{t: t, jar: NewJar(o), url: u, now: now}
}

// request simulates a request whose response has some Set-Cookie headers. It returns the request's Cookie header.
func (c *client) request(headers ...string) string {
	c.t.Helper()
	s := c.jar.Snapshot(c.url, c.now)
	c.respond(s, headers...)
	return s.Sent.Header()
}

func (c *client) respond(s Snapshot, headers ...string) {
	c.t.Helper()
	var sets []Cookie
	for _, header := range headers {
		switch set, err := c.jar.Parse(header, c.url, c.now); err {
		case nil:
			sets = append(sets, set)
		case ErrDomain:
		default:
			c.t.Fatal(err)
		}
	}
	c.jar.Update(s, sets, c.now)
}

func TestLife(t *testing.T) {
	const h, s = time.Hour, time.Second
	sinceSet := Options{SinceSet: true}
	for _, row := range []struct {
		name    string
		options Options
		set     string
		pauses  []time.Duration // before each of the next requests; the last one shows whether the cookie is kept
		kept    bool
	}{
		{"a cookie ends four hours after the last message", Options{}, "a=1", []time.Duration{4 * h}, false},
		{"a cookie is kept for four hours", Options{}, "a=1", []time.Duration{4*h - s}, true},
		{"a message renews a cookie", Options{}, "a=1", []time.Duration{3 * h, 3 * h, 3 * h}, true},
		{"with SinceSet, a message does not renew a cookie", sinceSet, "a=1", []time.Duration{3 * h, 1 * h}, false},
		{"with SinceSet, a cookie is kept for four hours", sinceSet, "a=1", []time.Duration{3 * h, 1*h - s}, true},
		{"a cookie ends after its Max-Age", Options{}, "a=1; Max-Age=60", []time.Duration{60 * s}, false},
		{"a cookie is kept until its Max-Age", Options{}, "a=1; Max-Age=60", []time.Duration{59 * s}, true},
		{"a message does not extend the Max-Age", Options{}, "a=1; Max-Age=7200", []time.Duration{1 * h, 1 * h}, false},
		{"a longer Max-Age does not extend the four hours", Options{}, "a=1; Max-Age=86400", []time.Duration{4 * h}, false},
		{"with SinceSet, a longer Max-Age does not extend the four hours", sinceSet, "a=1; Max-Age=86400", []time.Duration{2 * h, 2 * h}, false},
		{"a cookie ends at its Expires", Options{}, "a=1; Expires=Sat, 28 Nov 2026 08:01:00 GMT", []time.Duration{60 * s}, false},
		{"a later Expires does not extend the four hours", Options{}, "a=1; Expires=Sat, 05 Dec 2026 08:00:00 GMT", []time.Duration{4 * h}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := newClient(t, row.options, "https://sms.example.com/sms")
			c.request(row.set)
			var sent string
			for _, pause := range row.pauses {
				c.now = c.now.Add(pause)
				sent = c.request()
			}
			if got := sent == "a=1"; got != row.kept {
				t.Errorf("the last request has the cookies %q", sent)
			}
		})
	}
	t.Run("with SinceSet, setting a cookie again renews it", func(t *testing.T) {
		c := newClient(t, sinceSet, "https://sms.example.com/sms")
		for range 3 {
			c.request("a=1; Max-Age=14400")
			c.now = c.now.Add(3 * h)
		}
		if got := c.request(); got != "a=1" {
			t.Errorf("the cookies are %q", got)
		}
	})
}

func TestJar(t *testing.T) {
	for _, row := range []struct {
		name      string
		options   Options
		responses [][]string
		want      string // in the next request
	}{
		{"a response sets several cookies", Options{}, [][]string{{"a=1", "b=2"}}, "a=1; b=2"},
		{"several responses set cookies", Options{}, [][]string{{"a=1"}, {"b=2"}}, "a=1; b=2"},
		{"a new value takes the place of the old one", Options{}, [][]string{{"a=1", "b=2"}, {"a=3"}}, "a=3; b=2"},
		{"Max-Age=0 deletes a cookie", Options{}, [][]string{{"a=1", "b=2"}, {"a=; Max-Age=0"}}, "b=2"},
		{"the attributes have no effect", Options{}, [][]string{{"a=1; Path=/elsewhere", "b=2; Domain=other.example", "c=3; Secure; HttpOnly; SameSite=Strict"}}, "a=1; b=2; c=3"},
		{"the path does not distinguish cookies", Options{}, [][]string{{"a=1; Path=/x", "a=2; Path=/y"}}, "a=2"},
		{"a single jar keeps the last cookie", Options{Single: true}, [][]string{{"a=1", "b=2"}}, "b=2"},
		{"a single jar keeps the cookie of the last response", Options{Single: true}, [][]string{{"a=1"}, {"b=2"}}, "b=2"},
		{"a single jar keeps its cookie if nothing is set", Options{Single: true}, [][]string{{"a=1"}, nil}, "a=1"},
		{"a single jar deletes its cookie", Options{Single: true}, [][]string{{"a=1"}, {"a=; Max-Age=0"}}, ""},
		{"a single jar keeps its cookie if another one is deleted", Options{Single: true}, [][]string{{"a=1"}, {"b=; Max-Age=0"}}, "a=1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := newClient(t, row.options, "https://sms.example.com/sms")
			for _, headers := range row.responses {
				c.request(headers...)
			}
			if got := c.request(); got != row.want {
				t.Errorf("the cookies are %q, want %q", got, row.want)
			}
		})
	}
}

// RFC 6265, section 5.4, specifies which cookies are sent.
func TestStrictJar(t *testing.T) {
	for _, row := range []struct {
		name, url, set string
		sent           bool
	}{
		{"a cookie without attributes is sent", "https://sms.example.com/sms", "a=1", true},
		{"a cookie with the root path is sent", "https://sms.example.com/sms", "a=1; Path=/", true},
		{"a cookie with the root path is sent to a URL without a path", "https://sms.example.com", "a=1; Path=/", true},
		{"a cookie with the URL's path is sent", "https://sms.example.com/a/sms", "a=1; Path=/a/sms", true},
		{"a cookie with a path above the URL's path is sent", "https://sms.example.com/a/sms", "a=1; Path=/a", true},
		{"a cookie with a path above the URL's path and a slash is sent", "https://sms.example.com/a/sms", "a=1; Path=/a/", true},
		{"a cookie with another path is not sent", "https://sms.example.com/a/sms", "a=1; Path=/b", false},
		{"a cookie with the path /a is not sent to /about", "https://sms.example.com/about", "a=1; Path=/a", false},
		{"a path without a slash is ignored", "https://sms.example.com/a/sms", "a=1; Path=b", true},
		{"the host is accepted as the domain", "https://sms.example.com/sms", "a=1; Domain=sms.example.com", true},
		{"a domain above the host is accepted", "https://sms.example.com/sms", "a=1; Domain=example.com", true},
		{"a domain with a leading dot and a capital is accepted", "https://sms.example.com/sms", "a=1; Domain=.Example.com", true},
		{"another domain is refused", "https://sms.example.com/sms", "a=1; Domain=example.org", false},
		{"a domain below the host is refused", "https://sms.example.com/sms", "a=1; Domain=a.sms.example.com", false},
		{"a domain that only ends like the host is refused", "https://sms.example.com/sms", "a=1; Domain=ample.com", false},
		{"a top-level domain is refused", "https://sms.example.com/sms", "a=1; Domain=com", false},
		{"the end of an IP address is refused", "https://192.0.2.1/sms", "a=1; Domain=2.1", false},
		{"an empty domain is ignored", "https://sms.example.com/sms", "a=1; Domain=", true},
		{"a Secure cookie is sent over https", "https://sms.example.com/sms", "a=1; Secure", true},
		{"a Secure cookie is not sent over http", "http://sms.example.com/sms", "a=1; Secure", false},
		{"a Secure cookie is sent to localhost", "http://localhost:8080/sms", "a=1; Secure", true},
		{"a Secure cookie is sent to a loopback address", "http://127.0.0.1/sms", "a=1; Secure", true},
		{"HttpOnly and SameSite have no effect", "https://sms.example.com/sms", "a=1; HttpOnly; SameSite=Strict", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := newClient(t, Options{Strict: true}, row.url)
			c.request(row.set)
			if got := c.request() == "a=1"; got != row.sent {
				t.Errorf("the cookie is sent: %t", got)
			}
			if got := len(c.jar.Cookies(c.url, c.now)) == 1; got != row.sent {
				t.Errorf("Cookies returns the cookie: %t", got)
			}
		})
	}
	t.Run("a cookie without a domain is sent only to its host", func(t *testing.T) {
		c := newClient(t, Options{Strict: true}, "https://example.com/sms")
		c.request("a=1", "b=2; Domain=example.com")
		if c.url.Host = "sms.example.com"; c.request() != "b=2" {
			t.Error("the subdomain gets the cookie of its parent, or does not get the cookie of the domain")
		}
	})
	t.Run("a host without a dot cannot set cookies for the hosts below it", func(t *testing.T) {
		c := newClient(t, Options{Strict: true}, "http://localhost/sms")
		c.request("a=1; Domain=localhost")
		if c.url.Host = "a.localhost"; c.request() != "" {
			t.Error("the subdomain gets the cookie of a top-level domain")
		}
	})
	t.Run("longer paths are sent first", func(t *testing.T) {
		c := newClient(t, Options{Strict: true}, "https://sms.example.com/a/sms")
		c.request("a=root; Path=/", "a=here; Path=/a")
		if got := c.request(); got != "a=here; a=root" {
			t.Errorf("the cookies are %q", got)
		}
	})
}

// Two requests overlap. The jar then contains the snapshot of the request that is answered last, changed by the cookies
// that its response sets.
func TestRace(t *testing.T) {
	for _, row := range []struct {
		name        string
		before      []string
		first, last []string // set by the responses, in the order of their arrival
		want        string
	}{
		{"the last response's value wins", nil, []string{"a=1"}, []string{"a=2"}, "a=2"},
		{"the first response's cookie is lost", nil, []string{"a=1"}, []string{"b=2"}, "b=2"},
		{"a response that sets nothing restores the old value", []string{"a=0"}, []string{"a=1"}, nil, "a=0"},
		{"a cookie that neither response sets is kept", []string{"c=0"}, []string{"a=1"}, []string{"b=2"}, "c=0; b=2"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := newClient(t, Options{}, "https://sms.example.com/sms")
			c.request(row.before...)
			first, last := c.jar.Snapshot(c.url, c.now), c.jar.Snapshot(c.url, c.now)
			c.respond(first, row.first...)
			c.respond(last, row.last...)
			if got := c.request(); got != row.want {
				t.Errorf("the cookies are %q, want %q", got, row.want)
			}
		})
	}
	t.Run("cookies that are deleted during a request stay deleted", func(t *testing.T) {
		c := newClient(t, Options{}, "https://sms.example.com/sms")
		c.request("a=1")
		s := c.jar.Snapshot(c.url, c.now)
		c.jar.Empty()
		c.respond(s, "b=2")
		if got := c.request(); got != "b=2" {
			t.Errorf("the cookies are %q", got)
		}
	})
}

func TestCookies(t *testing.T) {
	c := newClient(t, Options{}, "https://sms.example.com/sms")
	c.request("a=1", "b=2; Max-Age=60")
	list := c.jar.Cookies(c.url, c.now)
	want := []string{"a=1 " + now.Add(4*time.Hour).String(), "b=2 " + now.Add(time.Minute).String()}
	for i, cookie := range list {
		if got := cookie.Name + "=" + cookie.Value + " " + cookie.Expires.String(); got != want[i] {
			t.Errorf("the cookie is %s, want %s", got, want[i])
		}
	}
	if after := c.jar.Cookies(c.url, now.Add(time.Minute)); len(list) != 2 || len(after) != 1 {
		t.Errorf("there are %d cookies and, after a minute, %d", len(list), len(after))
	}
	c.now = now.Add(time.Minute)
	if got := c.request(); got != "a=1" {
		t.Errorf("after Cookies, the request has the cookies %q", got)
	}
}

func TestLose(t *testing.T) {
	const requests = 200
	for _, row := range []struct {
		lose        float64
		least, most int
	}{
		{0, 0, 0},
		{0.5, 50, 150}, // seven standard deviations
		{1, requests, requests},
	} {
		t.Run(fmt.Sprintf("a share of %g of the requests has no cookies", row.lose), func(t *testing.T) {
			c := newClient(t, Options{Lose: row.lose}, "https://sms.example.com/sms")
			c.request("a=1")
			lost := 0
			for range requests {
				if c.request() == "" {
					lost++
				}
			}
			if lost < row.least || lost > row.most {
				t.Errorf("%d of %d requests have no cookies", lost, requests)
			}
		})
	}
}
