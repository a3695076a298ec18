package server_test

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/twilio"
)

func TestTheSignatureIsOverTheConfiguredURL(t *testing.T) {
	const webhook, fallback = "https://sms.example.com/sms", "https://sms.example.com/sms/fallback"
	rows := []struct {
		name     string
		webhook  string
		fallback string
		target   string
		signed   string
		ok       bool
	}{
		{"the webhook's URL", webhook, fallback, "/sms", webhook, true},
		{"with the default port added", webhook, fallback, "/sms", "https://sms.example.com:443/sms", true},
		{"with the default port left out", "https://sms.example.com:443/sms", fallback, "/sms", webhook, true},
		{"with the default port as configured", "https://sms.example.com:443/sms", fallback, "/sms", "https://sms.example.com:443/sms", true},
		{"with the default port of http", "http://sms.example.com/sms", fallback, "/sms", "http://sms.example.com:80/sms", true},
		{"with another port", "https://sms.example.com:8443/sms", fallback, "/sms", "https://sms.example.com:8443/sms", true},
		{"without the other port", "https://sms.example.com:8443/sms", fallback, "/sms", webhook, false},
		{"with a port that is not configured", webhook, fallback, "/sms", "https://sms.example.com:8443/sms", false},
		{"with the default port of the other scheme", webhook, fallback, "/sms", "https://sms.example.com:80/sms", false},
		{"with the other scheme", webhook, fallback, "/sms", "http://sms.example.com/sms", false},
		{"with another host", webhook, fallback, "/sms", "https://other.example.com/sms", false},
		{"with upper case in the host", "https://SMS.Example.com/sms", fallback, "/sms", "https://SMS.Example.com/sms", true},
		{"with a path that a proxy maps to ours", "https://x.example/twilio/inbound", fallback, "/sms", "https://x.example/twilio/inbound", true},
		{"with our path, where another is configured", "https://x.example/twilio/inbound", fallback, "/sms", "https://x.example/sms", false},
		{"with the request's path below the configured one", "https://x.example/twilio", fallback, "/sms", "https://x.example/twilio/sms", false},
		{"with a query", webhook, fallback, "/sms?x=1", webhook + "?x=1", true},
		{"with a query behind another path", "https://x.example/twilio/inbound", fallback, "/sms?x=1", "https://x.example/twilio/inbound?x=1", true},
		{"without the request's query", webhook, fallback, "/sms?x=1", webhook, false},
		{"with a query's bytes as they are", webhook, fallback, "/sms?b=%41+'&a=;&b=@:%2f", webhook + "?b=%41+'&a=;&b=@:%2f", true},
		{"with a query written otherwise", webhook, fallback, "/sms?b=%41", webhook + "?b=A", false},
		{"with an empty query", webhook, fallback, "/sms?", webhook + "?", true},
		{"with a slash at the end", webhook, fallback, "/sms", webhook + "/", false},
		{"at the fallback URL", webhook, fallback, "/sms/fallback", fallback, true},
		{"at a fallback URL that a proxy maps to ours", webhook, "https://x.example/twilio/sorry", "/sms/fallback", "https://x.example/twilio/sorry", true},
		{"at the fallback URL, for the primary one", webhook, fallback, "/sms/fallback", webhook, false},
		{"at the primary URL, for the fallback one", webhook, fallback, "/sms", fallback, false},
	}
	each(t, func(t *testing.T, addr string, conn redis.Conn) {
		for _, row := range rows {
			t.Run(row.name, func(t *testing.T) {
				do(t, conn, "FLUSHALL")
				r := newReplica(t, addr, withURLs(row.webhook, row.fallback))
				p := message("hello").to(row.target)
				p.url = row.signed
				a := p.send(r.public)
				if row.ok {
					a.says(t, tutorial(1))
					return
				}
				a.refused(t, http.StatusForbidden)
				if n := size(t, conn); n != 0 {
					t.Errorf("the request left %d keys in Redis", n)
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
					t.Errorf("the request left %d keys in Redis", n)
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
		r := newReplica(t, addr, func(s *settings) {
			s.tokens = []twilio.Token{{Value: "the next one"}, {Value: token}}
		})
		message("hello").send(r.public).says(t, tutorial(1))
		p := message("hello")
		p.token = "the next one"
		p.send(r.public).says(t, tutorial(2))
		p = message("hello")
		p.token = "the last one"
		p.send(r.public).refused(t, http.StatusForbidden)
	})
}

func TestATokenOfOneAccountSignsForThatAccountOnly(t *testing.T) {
	const other, otherToken = "AC00000000000000000000000000000002", "00000000000000000000000000000002"
	each(t, func(t *testing.T, addr string, conn redis.Conn) {
		r := newReplica(t, addr, func(s *settings) {
			s.tokens = []twilio.Token{{Account: other, Value: otherToken}, {Account: accountSID, Value: token}}
			s.server.AccountSIDs = []string{accountSID, other}
		})
		forge := message("hello")
		forge.token = otherToken
		forge.send(r.public).refused(t, http.StatusForbidden)
		if n := size(t, conn); n != 0 {
			t.Errorf("the request left %d keys in Redis", n)
		}
		message("hello").send(r.public).says(t, tutorial(1))
		theirs := message("hello").with("AccountSid", other)
		theirs.token = otherToken
		theirs.send(r.public).says(t, tutorial(2))
		message("hello").with("AccountSid", "AC00000000000000000000000000000003").send(r.public).refused(t, http.StatusForbidden)
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
