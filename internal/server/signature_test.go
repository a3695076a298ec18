package server_test

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gomodule/redigo/redis"
)

func TestTheSignatureIsOverTheConfiguredURL(t *testing.T) {
	rows := []struct {
		name      string
		publicURL string
		target    string
		signed    string
		ok        bool
	}{
		{"the URL and the route", "https://sms.example.com", "/sms", "https://sms.example.com/sms", true},
		{"with the default port added", "https://sms.example.com", "/sms", "https://sms.example.com:443/sms", true},
		{"with the default port left out", "https://sms.example.com:443", "/sms", "https://sms.example.com/sms", true},
		{"with the default port as configured", "https://sms.example.com:443", "/sms", "https://sms.example.com:443/sms", true},
		{"with the default port of http", "http://sms.example.com", "/sms", "http://sms.example.com:80/sms", true},
		{"with another port", "https://sms.example.com:8443", "/sms", "https://sms.example.com:8443/sms", true},
		{"without the other port", "https://sms.example.com:8443", "/sms", "https://sms.example.com/sms", false},
		{"with a port that is not configured", "https://sms.example.com", "/sms", "https://sms.example.com:8443/sms", false},
		{"with the default port of the other scheme", "https://sms.example.com", "/sms", "https://sms.example.com:80/sms", false},
		{"with the other scheme", "https://sms.example.com", "/sms", "http://sms.example.com/sms", false},
		{"with another host", "https://sms.example.com", "/sms", "https://other.example.com/sms", false},
		{"with a path of its own", "https://example.com/twilio/eu", "/sms", "https://example.com/twilio/eu/sms", true},
		{"with a path that ends in a slash", "https://example.com/twilio/", "/sms", "https://example.com/twilio/sms", true},
		{"without its path", "https://example.com/twilio", "/sms", "https://example.com/sms", false},
		{"with a slash that ends the host", "https://sms.example.com/", "/sms", "https://sms.example.com/sms", true},
		{"with a path and the default port", "https://example.com/twilio", "/sms", "https://example.com:443/twilio/sms", true},
		{"with a fragment, which is not signed", "https://sms.example.com/#rc=2&rp=all", "/sms", "https://sms.example.com/sms", true},
		{"with user and password, which are not signed", "https://user:pass@sms.example.com", "/sms", "https://sms.example.com/sms", true},
		{"with upper case in the host", "https://SMS.Example.com", "/sms", "https://SMS.Example.com/sms", true},
		{"with a query", "https://sms.example.com", "/sms?x=1", "https://sms.example.com/sms?x=1", true},
		{"with a query's bytes as they are", "https://sms.example.com", "/sms?b=%41+'&a=;&b=@:%2f", "https://sms.example.com/sms?b=%41+'&a=;&b=@:%2f", true},
		{"with a query written otherwise", "https://sms.example.com", "/sms?b=%41", "https://sms.example.com/sms?b=A", false},
		{"with an empty query", "https://sms.example.com", "/sms?", "https://sms.example.com/sms?", true},
		{"with a slash at the end", "https://sms.example.com", "/sms", "https://sms.example.com/sms/", false},
		{"at the fallback URL", "https://sms.example.com", "/sms/fallback", "https://sms.example.com/sms/fallback", true},
		{"at the fallback URL, for the primary one", "https://sms.example.com", "/sms/fallback", "https://sms.example.com/sms", false},
		{"at the primary URL, for the fallback one", "https://sms.example.com", "/sms", "https://sms.example.com/sms/fallback", false},
	}
	each(t, func(t *testing.T, addr string, conn redis.Conn) {
		for _, row := range rows {
			t.Run(row.name, func(t *testing.T) {
				do(t, conn, "FLUSHALL")
				r := newReplica(t, addr, withPublicURL(row.publicURL))
				p := message("hello").to(row.target)
				p.url = row.signed
				a := p.send(r.public)
				if row.ok {
					a.says(t, tutorial(1))
					return
				}
				a.refused(t, http.StatusForbidden)
				if n := size(t, conn); n != 0 {
					t.Errorf("it left %d keys in Redis", n)
				}
			})
		}
	})
}

// forged are the headers by which a request says where it went.
var forged = http.Header{
	"X-Forwarded-Host":   {"other.example.com"},
	"X-Forwarded-Proto":  {"http"},
	"X-Forwarded-Port":   {"8080"},
	"X-Forwarded-For":    {"192.0.2.1"},
	"X-Forwarded-Prefix": {"/prefix"},
	"X-Original-Url":     {"/other"},
	"X-Rewrite-Url":      {"/other"},
	"Forwarded":          {"host=other.example.com;proto=http"},
}

func TestWhatTheRequestSaysOfItsURLIsIgnored(t *testing.T) {
	each(t, func(t *testing.T, addr string, conn redis.Conn) {
		r := newReplica(t, addr)
		t.Run("a message for the configured URL is taken", func(t *testing.T) {
			p := message("hello")
			p.host = "10.0.0.7:8080"
			for name, values := range forged {
				p.header[name] = values
			}
			p.send(r.public).says(t, tutorial(1))
			do(t, conn, "FLUSHALL")
		})
		// Whoever rents a number can have Twilio sign a message for a URL of their own, and pass it on.
		for name, change := range map[string]func(p *post){
			"Host":             func(p *post) { p.host = "other.example.com" },
			"X-Forwarded-Host": func(p *post) { p.header.Set("X-Forwarded-Host", "other.example.com") },
		} {
			t.Run("one for another URL, with "+name+", is refused", func(t *testing.T) {
				p := message("hello")
				p.url = "https://other.example.com/sms"
				change(p)
				p.send(r.public).refused(t, http.StatusForbidden)
				if n := size(t, conn); n != 0 {
					t.Errorf("it left %d keys in Redis", n)
				}
				if a := p.send(naiveURL()); a.status != http.StatusOK {
					t.Errorf("the naive check answers %d: the test does not tell the two apart", a.status)
				}
			})
		}
	})
}

// A request line may name a whole URL, as for a proxy.
func TestAnAbsoluteRequestLineIsNoOtherURL(t *testing.T) {
	each(t, func(t *testing.T, addr string, _ redis.Conn) {
		r := newReplica(t, addr)
		srv := httptest.NewServer(r.public)
		defer srv.Close()
		for _, row := range []struct {
			name   string
			signed string
			status int
		}{
			{"signed for the configured URL", publicURL + "/sms", 200},
			{"signed for the one in the request line", "https://other.example.com/sms", 403},
		} {
			t.Run(row.name, func(t *testing.T) {
				p := message("hello")
				p.url = row.signed
				c, err := dial(srv.Listener.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				req := p.request()
				req.Host = "other.example.com"
				req.URL.Scheme, req.URL.Host = "https", "other.example.com"
				if err := req.WriteProxy(c); err != nil {
					t.Fatal(err)
				}
				res, err := http.ReadResponse(bufio.NewReader(c), req)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, res.Body)
				res.Body.Close()
				if res.StatusCode != row.status {
					t.Errorf("got %d, want %d", res.StatusCode, row.status)
				}
			})
		}
	})
}

func TestAnyOfTheTokensSigns(t *testing.T) {
	each(t, func(t *testing.T, addr string, _ redis.Conn) {
		r := newReplica(t, addr, func(s *settings) { s.tokens = []string{"the next one", token} })
		message("hello").send(r.public).says(t, tutorial(1))
		p := message("hello")
		p.token = "the next one"
		p.send(r.public).says(t, tutorial(2))
		p = message("hello")
		p.token = "the last one"
		p.send(r.public).refused(t, http.StatusForbidden)
	})
}

func TestTheAccountIsAskedForOnlyWhenItIsConfigured(t *testing.T) {
	each(t, func(t *testing.T, addr string, _ redis.Conn) {
		open, closed := newReplica(t, addr), newReplica(t, addr, withAccount)
		message("hello").with("AccountSid", "AC00000000000000000000000000000000").send(open.public).says(t, tutorial(1))
		message("hello").with("AccountSid").send(open.public).says(t, tutorial(2))
		message("hello").send(closed.public).says(t, tutorial(3))
	})
}
