package devphone_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"smsession/internal/devphone"
)

// token allows clients on other hosts to use the page.
const token = "0123456789abcdef0123456789abcdef"

func withToken(o *devphone.Options) { o.Token = token }

// from sends a request as if it came from a client's address.
func (s *service) from(peer, host, method, target, body string, header http.Header) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host, r.RemoteAddr = host, peer
	r.Header = header.Clone()
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.edge.ServeHTTP(w, r)
	return w
}

// TestClients sends requests of clients on this host and on others. Each row is sent to a route that reads, to one that
// writes, and to the page, so a guard of the page alone is not enough.
func TestClients(t *testing.T) {
	const here, lan, ip, name = "127.0.0.1:5000", "192.0.2.7:5000", "192.0.2.1:8080", "workstation.local:8080"
	wrong := strings.Repeat("0", len(token))
	cookie := func(value string) http.Header { return headers("Cookie", "smsession-dev-8080="+value) }
	bearer := func(value string) http.Header { return headers("Authorization", "Bearer "+value) }
	with := func(h http.Header, name, value string) http.Header {
		h.Set(name, value)
		return h
	}
	for _, row := range []struct {
		name, peer, host string
		header           http.Header
		want             int
	}{
		{"this host needs no token at localhost", here, "localhost:8080", headers(), 200},
		{"this host needs no token at its IPv6 loopback address", "[::1]:5000", "[::1]:8080", headers(), 200},
		{"this host needs no token at a socket for IPv4 and IPv6", "[::ffff:127.0.0.1]:5000", "localhost:8080",
			headers(), 200},
		{"this host needs the token at its own address", "192.0.2.1:5000", ip, headers(), 403},
		{"this host may use its own address with the cookie", "192.0.2.1:5000", ip, cookie(token), 200},
		{"another host without the token is refused", lan, ip, headers(), 403},
		{"another host with a wrong cookie is refused", lan, ip, cookie(wrong), 403},
		{"another host with an empty cookie is refused", lan, ip, cookie(""), 403},
		{"another host with a wrong Bearer is refused", lan, ip, bearer(wrong), 403},
		{"another host with a part of the token is refused", lan, ip, bearer(token[1:]), 403},
		{"another host with the cookie may use the page", lan, ip, cookie(token), 200},
		{"another host with Bearer may use the page", lan, ip, bearer(token), 200},
		{"the scheme may be in lower case", lan, ip, headers("Authorization", "bearer "+token), 200},
		{"another scheme is refused", lan, ip, headers("Authorization", "Basic "+token), 403},
		{"the page works at a name of this host", lan, name, cookie(token), 200},
		{"a client over IPv6 may use the page", "[2001:db8::7]:5000", "[2001:db8::1]:8080", cookie(token), 200},
		{"the cookie of a dev at another port is not enough", lan, "192.0.2.1:8081", cookie(token), 403},
		{"another host may not use localhost", lan, "localhost:8080", headers(), 403},
		{"another host may not use localhost with a dot", lan, "localhost.:8080", headers(), 403},
		{"another host may not use a loopback address", lan, "127.0.0.1:8080", headers(), 403},
		{"another host may not use an IPv6 loopback address", "[2001:db8::7]:5000", "[::1]:8080", headers(), 403},
		{"another host may not use a mapped loopback address", lan, "[::ffff:127.0.0.1]:8080", headers(), 403},
		{"a link-local client may not use localhost", "[fe80::7%eth0]:5000", "localhost:8080", headers(), 403},
		{"a client without an address may not use localhost", "@", "localhost:8080", headers(), 403},
		{"a rebound name without the cookie is refused", here, "rebound.example:8080", headers(), 403},
		{"a proxy with the cookie is refused", lan, ip, with(cookie(token), "X-Forwarded-For", "198.51.100.1"), 403},
		{"a proxy with Bearer is refused", lan, ip, with(bearer(token), "Via", "1.1 tunnel"), 403},
		// A browser sends no Sec-Fetch-Site to an address in a network that has no https.
		{"another site with the cookie is refused", lan, ip, with(cookie(token), "Origin", "http://evil.example"), 403},
		{"another port with the cookie is refused", lan, ip, with(cookie(token), "Origin", "http://192.0.2.1:3000"), 403},
		{"the page with the cookie is not refused", lan, ip, with(cookie(token), "Origin", "http://"+ip), 200},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newService(t, withToken)
			for _, request := range [][3]string{
				{"GET", "/"}, {"HEAD", "/"}, {"GET", "/dev/state"}, {"GET", "/dev/page.js"}, {"GET", "/dev/session?phone=1"},
				{"POST", "/dev/act", hello},
			} {
				w := s.from(row.peer, row.host, request[0], request[1], request[2], row.header)
				if w.Code != row.want {
					t.Errorf("%s %s is answered %d %.80q, want %d", request[0], request[1], w.Code, w.Body, row.want)
				}
			}
			if changed := s.size() > 0; changed != (row.want == 200) {
				t.Errorf("Redis has changed: %t", changed)
			}
		})
	}
}

func TestTokenInAddress(t *testing.T) {
	const lan, ip = "192.0.2.7:5000", "192.0.2.1:8080"
	s := newService(t, withToken)
	for _, row := range []struct {
		name, method, target string
		want                 int
	}{
		{"the address with the token opens the page", "GET", "/?token=" + token, 303},
		{"HEAD is answered as GET", "HEAD", "/?token=" + token, 303},
		{"a wrong token opens nothing", "GET", "/?token=" + strings.Repeat("0", len(token)), 403},
		{"an empty token opens nothing", "GET", "/?token=", 403},
		{"the token in the query of another route opens nothing", "GET", "/dev/state?token=" + token, 403},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := s.from(lan, ip, row.method, row.target, "", headers())
			cookies := w.Result().Cookies()
			if w.Code != row.want || (len(cookies) > 0) != (row.want == 303) {
				t.Fatalf("it is answered %d with the cookies %v", w.Code, cookies)
			}
			if row.want != 303 {
				return
			}
			if to := w.Header().Get("Location"); to != "/" || strings.Contains(w.Body.String(), token) {
				t.Errorf("it leads to %q: %s", to, w.Body)
			}
			c := cookies[0]
			if c.Name != "smsession-dev-8080" || c.Value != token || !c.HttpOnly || c.Path != "/" ||
				c.SameSite != http.SameSiteLaxMode || c.Domain != "" {
				t.Errorf("the cookie is %s", c)
			}
		})
	}
	t.Run("without a token in the options, an empty one opens nothing", func(t *testing.T) {
		s := newService(t)
		for _, target := range []string{"/", "/?token="} {
			h := headers("Cookie", "smsession-dev-8080=", "Authorization", "Bearer ")
			if w := s.from(lan, ip, "GET", target, "", h); w.Code != 403 {
				t.Errorf("%s is answered %d", target, w.Code)
			}
		}
	})
	t.Run("the picture needs no token", func(t *testing.T) {
		if w := s.from(lan, ip, "GET", "/dev/picture.png", "", headers()); w.Code != 200 {
			t.Errorf("it is answered %d", w.Code)
		}
	})
}

// fromHandset follows a link to the page from a chat, as on a handset. The names in .example are of this host, but the
// browser does not know that: such a host is not trustworthy, so there is neither Sec-Fetch-Site nor a clipboard.
func fromHandset(t *testing.T, browser context.Context) {
	s := newService(t, withToken)
	w := emptyTab(t, browser)
	w.resize(390, 844)
	page := "http://handset.example:" + port(t, s.url) + "/"
	w.do(chromedp.Navigate(otherSite(t)))
	value[any](w, `void (location.href = `+js(page+"?token="+token)+`)`)
	w.until(`document.body.dataset.ready === 'true'`)
	if at := value[string](w, `location.href`); at != page {
		t.Errorf("the address is %s", at)
	}
	w.press(".phone textarea")
	w.keys("Hello\r")
	w.count(".in", 1)
	w.press("#copy")
	w.until(`document.querySelector('#copy').textContent === 'Selected'`)
	w.fits("on a handset,", 390)
	w.expectComplaints("Cross-Origin-Opener-Policy header has been ignored") // it needs https
	w.checkComplaints()
	if got := value[string](w, `document.cookie`); strings.Contains(got, token) {
		t.Errorf("a script can read the cookie: %s", got)
	}
}
