package devphone_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// response is a response of the page.
type response struct {
	status int
	header http.Header
	body   string
}

// request sends a request with these headers, which may include Host.
func (s *service) request(method, path, body string, header http.Header) response {
	s.tb.Helper()
	r, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.tb.Fatal(err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	if host := header.Get("Host"); host != "" {
		r.Host = host
	}
	res, err := client().Do(r)
	if err != nil {
		s.tb.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		s.tb.Fatal(err)
	}
	return response{res.StatusCode, res.Header, string(text)}
}

// headers makes a header of names and values: name, value, name, value.
func headers(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

const hello = `{"phone":"1","kind":"text","body":"hello"}`

func TestHost(t *testing.T) {
	s, with := newService(t), newService(t, withToken)
	for host, want := range map[string]int{
		"localhost": 200, "localhost:8080": 200, "LOCALHOST:1": 200, "127.0.0.1": 200, "127.0.0.1:8080": 200,
		"127.8.9.10:8080": 200, "[::1]": 200, "[::1]:8080": 200,
		"workstation": 403, "192.168.1.50:8080": 403, ":8080": 403,
		"evil.example": 403, "evil.example:8080": 403, "127.0.0.1.evil.example": 403, "localhost.evil.example": 403,
		"evil.localhost": 403, "10.0.0.1": 403, "0.0.0.0:8080": 403, "[::]:8080": 403,
		"127.1":      403,
		"2130706433": 403, "sms.example.com": 403, "localhost:8080:8080": 403, "[fe80::1]:8080": 403,
	} {
		t.Run(host, func(t *testing.T) {
			for _, s := range []*service{s, with} { // this host needs no token, and no other host gets in without one
				before := s.size()
				for _, a := range []response{
					s.request("GET", "/", "", headers("Host", host)),
					s.request("GET", "/dev/state", "", headers("Host", host)),
					s.request("GET", "/dev/page.js", "", headers("Host", host)),
					s.request("POST", "/dev/act", hello, headers("Host", host, "Content-Type", "application/json")),
				} {
					if a.status != want {
						t.Errorf("the answer is %d %s, want %d", a.status, a.body, want)
					}
				}
				if want == 403 && s.size() != before {
					t.Error("the request has changed Redis")
				}
			}
		})
	}
}

// The headers are those that browsers send: https://www.w3.org/TR/fetch-metadata/, section 2.
func TestCrossSite(t *testing.T) {
	s := newService(t)
	const json = "application/json"
	own := s.url
	for _, row := range []struct {
		name   string
		method string
		path   string
		header http.Header
		want   int
	}{
		{"curl posts", "POST", "/dev/act", headers("Content-Type", json), 200},
		{"the page posts", "POST", "/dev/act",
			headers("Content-Type", json, "Sec-Fetch-Site", "same-origin", "Origin", own), 200},
		{"the page posts from an older browser", "POST", "/dev/act", headers("Content-Type", json, "Origin", own), 200},
		{"another site posts", "POST", "/dev/act",
			headers("Content-Type", json, "Sec-Fetch-Site", "cross-site", "Origin", "http://evil.example"), 403},
		{"another site posts without an origin", "POST", "/dev/act",
			headers("Content-Type", json, "Sec-Fetch-Site", "cross-site"), 403},
		{"another port of this host posts", "POST", "/dev/act",
			headers("Content-Type", json, "Sec-Fetch-Site", "same-site", "Origin", "http://127.0.0.1:3000"), 403},
		{"another site posts from an older browser", "POST", "/dev/act",
			headers("Content-Type", json, "Origin", "http://evil.example"), 403},
		{"another port posts from an older browser", "POST", "/dev/act",
			headers("Content-Type", json, "Origin", "http://127.0.0.1:1"), 403},
		{"another scheme posts from an older browser", "POST", "/dev/act",
			headers("Content-Type", json, "Origin", strings.Replace(own, "http", "https", 1)), 403},
		{"a sandboxed frame posts", "POST", "/dev/act", headers("Content-Type", json, "Origin", "null"), 403},
		{"a request from the address bar posts with an origin", "POST", "/dev/act",
			headers("Content-Type", json, "Sec-Fetch-Site", "none", "Origin", "http://evil.example"), 403},
		{"a page with an unknown relation posts", "POST", "/dev/act",
			headers("Content-Type", json, "Sec-Fetch-Site", "other"), 403},
		{"a form posts text", "POST", "/dev/act", headers("Content-Type", "text/plain"), 415},
		{"a form posts", "POST", "/dev/act", headers("Content-Type", "application/x-www-form-urlencoded"), 415},
		{"a form posts a file", "POST", "/dev/act", headers("Content-Type", "multipart/form-data; boundary=x"), 415},
		{"a client posts without a content type", "POST", "/dev/act", headers(), 415},
		{"the address bar opens the page", "GET", "/",
			headers("Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate"), 200},
		{"a link elsewhere opens the page", "GET", "/",
			headers("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"), 200},
		{"another site loads the page as a picture", "GET", "/",
			headers("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"), 403},
		{"the page reads", "GET", "/dev/session?phone=1", headers("Sec-Fetch-Site", "same-origin"), 200},
		{"the address bar reads", "GET", "/dev/state",
			headers("Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate"), 200},
		{"another site reads", "GET", "/dev/session?phone=1", headers("Sec-Fetch-Site", "cross-site"), 403},
		{"another site links to a response", "GET", "/dev/state",
			headers("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"), 403},
		{"another site reads from an older browser", "GET", "/dev/state",
			headers("Origin", "http://evil.example"), 403},
		{"another site runs the script", "GET", "/dev/page.js",
			headers("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"), 403},
		{"another port reads", "GET", "/dev/state", headers("Sec-Fetch-Site", "same-site"), 403},
		{"another site sends HEAD", "HEAD", "/dev/state", headers("Sec-Fetch-Site", "cross-site"), 403},
		{"a tunnel forwards a request to localhost", "GET", "/", headers("X-Forwarded-For", "198.51.100.1"), 403},
		{"a proxy forwards a post", "POST", "/dev/act",
			headers("Content-Type", json, "Forwarded", "for=198.51.100.1"), 403},
	} {
		t.Run(row.name, func(t *testing.T) {
			before := s.size()
			a := s.request(row.method, row.path, hello, row.header)
			if a.status != row.want {
				t.Errorf("the answer is %d %s, want %d", a.status, a.body, row.want)
			}
			if a.status != 200 && (s.size() != before || strings.Contains(a.body, from)) {
				t.Errorf("the request has changed Redis, or the answer contains the number: %s", a.body)
			}
		})
	}
}

// Before a browser lets another site send JSON, it sends OPTIONS, and applies the headers of the answer.
func TestNoCORSHeaders(t *testing.T) {
	s := newService(t)
	for _, a := range []response{
		s.request("OPTIONS", "/dev/act", "",
			headers("Origin", "http://evil.example", "Access-Control-Request-Method", "POST",
				"Access-Control-Request-Headers", "content-type")),
		s.request("GET", "/", "", headers()),
		s.request("GET", "/dev/state", "", headers("Origin", s.url)),
		s.request("GET", "/dev/state", "", headers("Origin", "http://evil.example")),
		s.request("POST", "/dev/act", hello, headers("Content-Type", "application/json", "Origin", s.url)),
	} {
		for name := range a.header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("an answer has %s: %s", name, a.header.Get(name))
			}
		}
	}
	if a := s.request("OPTIONS", "/dev/act", "", headers("Origin", "http://evil.example")); a.status != 405 {
		t.Errorf("OPTIONS is answered %d, want 405", a.status)
	}
}

// See https://www.w3.org/TR/CSP3/. A directive that is missing in the policy has the value of default-src.
func TestPolicy(t *testing.T) {
	s := newService(t)
	for _, a := range []response{
		s.request("GET", "/", "", headers()),
		s.request("GET", "/dev/page.js", "", headers()),
		s.request("GET", "/dev/state", "", headers()),
		s.request("GET", "/", "", headers("Host", "evil.example")),
		s.request("POST", "/dev/act", "{}", headers("Content-Type", "application/json")),
	} {
		policy := a.header.Get("Content-Security-Policy")
		for _, directive := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'",
			"connect-src 'self'",
			"form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"} {
			if !strings.Contains(policy+";", directive+";") {
				t.Errorf("the policy does not have %s: %s", directive, policy)
			}
		}
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
			"Cache-Control": "no-store"} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
	}
}
