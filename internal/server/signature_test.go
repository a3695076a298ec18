package server_test

import (
	"bytes"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"

	"smsession/internal/twilio"
)

func TestSignedURL(t *testing.T) {
	const webhook, fallback = "https://sms.example.com/sms", "https://sms.example.com/sms/fallback"
	rows := []struct {
		name     string
		webhook  string
		fallback string
		target   string
		signed   string
		ok       bool
	}{
		{"for the configured URL", webhook, fallback, "/sms", webhook, true},
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
		{"with our path, although another one is configured", "https://x.example/twilio/inbound", fallback, "/sms", "https://x.example/sms", false},
		{"with the request's path below the configured one", "https://x.example/twilio", fallback, "/sms", "https://x.example/twilio/sms", false},
		{"with a query", webhook, fallback, "/sms?x=1", webhook + "?x=1", true},
		{"with a query after another path", "https://x.example/twilio/inbound", fallback, "/sms?x=1", "https://x.example/twilio/inbound?x=1", true},
		{"without the request's query", webhook, fallback, "/sms?x=1", webhook, false},
		{"with the unchanged bytes of the query", webhook, fallback, "/sms?b=%41+'&a=;&b=@:%2f", webhook + "?b=%41+'&a=;&b=@:%2f", true},
		{"with another form of the same query", webhook, fallback, "/sms?b=%41", webhook + "?b=A", false},
		{"with an empty query", webhook, fallback, "/sms?", webhook + "?", true},
		{"with a slash at the end", webhook, fallback, "/sms", webhook + "/", false},
		{"at the fallback URL", webhook, fallback, "/sms/fallback", fallback, true},
		{"at a fallback URL that a proxy maps to ours", webhook, "https://x.example/twilio/sorry", "/sms/fallback", "https://x.example/twilio/sorry", true},
		{"for the primary URL is refused at the fallback URL", webhook, fallback, "/sms/fallback", webhook, false},
		{"for the fallback URL is refused at the primary URL", webhook, fallback, "/sms", fallback, false},
	}
	each(t, func(t *testing.T, s *store) {
		for _, row := range rows {
			t.Run("a message signed "+row.name, func(t *testing.T) {
				s.do(t, "FLUSHALL")
				r := newReplica(t, s.addr, withURLs(row.webhook, row.fallback))
				a := message("hello").to(row.target).forURL(row.signed).send(r.public)
				if row.ok {
					a.counts(t, 1)
					return
				}
				a.refused(t, http.StatusForbidden)
				s.wantKeys(t, 0)
			})
		}
	})
}

// forwarded are the headers in which a request can claim where it was sent.
var forwarded = http.Header{
	"X-Forwarded-Host":   {"other.example.com"},
	"X-Forwarded-Proto":  {"http"},
	"X-Forwarded-Port":   {"8080"},
	"X-Forwarded-For":    {"192.0.2.1"},
	"X-Forwarded-Prefix": {"/prefix"},
	"X-Original-Url":     {"/other"},
	"X-Rewrite-Url":      {"/other"},
	"Forwarded":          {"host=other.example.com;proto=http"},
}

func TestClaimedURL(t *testing.T) {
	each(t, func(t *testing.T, s *store) {
		r := newReplica(t, s.addr)
		t.Run("a message for the configured URL is accepted", func(t *testing.T) {
			claims := message("hello")
			claims.host = "10.0.0.7:8080"
			maps.Copy(claims.header, forwarded)
			claims.send(r.public).counts(t, 1)
			s.do(t, "FLUSHALL")
		})
		// Anyone who rents a number can let Twilio sign a message for another URL, and send it to us.
		for name, claim := range map[string]func(r *request){
			"Host":             func(r *request) { r.host = "other.example.com" },
			"X-Forwarded-Host": func(r *request) { r.header.Set("X-Forwarded-Host", "other.example.com") },
		} {
			t.Run("a message for another URL is refused, although it claims that URL in "+name, func(t *testing.T) {
				other := message("hello").forURL("https://other.example.com/sms")
				claim(other)
				other.send(r.public).refused(t, http.StatusForbidden)
				s.wantKeys(t, 0)
				if a := other.send(naiveURL()); a.Status != http.StatusOK {
					t.Errorf("the naive check answers %d, so the test cannot fail", a.Status)
				}
			})
		}
		srv := httptest.NewServer(r.public)
		defer srv.Close()
		for url, want := range map[string]int{publicURL + "/sms": 200, "https://other.example.com/sms": 403} {
			t.Run("a request line with another URL changes nothing for "+url, func(t *testing.T) {
				req := message("hello").forURL(url).build()
				req.Host = "other.example.com"
				req.URL.Scheme, req.URL.Host = "https", "other.example.com"
				var text bytes.Buffer
				_ = req.WriteProxy(&text)
				if status := connectTCP(t, srv.Listener.Addr().String()).ask(t, text.String()); status != want {
					t.Errorf("the answer is %d, want %d", status, want)
				}
			})
		}
	})
}

func TestTokens(t *testing.T) {
	t.Run("each configured token is accepted", func(t *testing.T) {
		each(t, func(t *testing.T, s *store) {
			r := newReplica(t, s.addr, func(s *settings) {
				s.tokens = []twilio.Token{{Value: "the next one"}, {Value: token}}
			})
			message("hello").send(r.public).counts(t, 1)
			message("hello").under("the next one").send(r.public).counts(t, 2)
			message("hello").under("the last one").send(r.public).refused(t, http.StatusForbidden)
		})
	})
	t.Run("the token of an account is accepted only for its messages", func(t *testing.T) {
		const other, otherToken = "AC00000000000000000000000000000002", "00000000000000000000000000000002"
		each(t, func(t *testing.T, s *store) {
			r := newReplica(t, s.addr, func(s *settings) {
				s.tokens = []twilio.Token{{Account: other, Value: otherToken}, {Account: accountSID, Value: token}}
				s.server.AccountSIDs = []string{accountSID, other}
			})
			message("hello").under(otherToken).send(r.public).refused(t, http.StatusForbidden)
			s.wantKeys(t, 0)
			message("hello").send(r.public).counts(t, 1)
			message("hello").with("AccountSid", other).under(otherToken).send(r.public).counts(t, 2)
			message("hello").with("AccountSid", "AC00000000000000000000000000000003").send(r.public).refused(t,
				http.StatusForbidden)
		})
	})
	t.Run("the account is checked only if it is configured", func(t *testing.T) {
		each(t, func(t *testing.T, s *store) {
			open, closed := newReplica(t, s.addr), newReplica(t, s.addr, withAccount)
			message("hello").with("AccountSid", otherAccountSID).send(open.public).counts(t, 1)
			message("hello").with("AccountSid").send(open.public).counts(t, 2)
			message("hello").send(closed.public).counts(t, 3)
		})
	})
}
