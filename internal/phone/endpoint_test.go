package phone_test

import (
	"strings"
	"testing"

	"smsession/internal/phone"
)

func TestSiblingsOfAnEndpoint(t *testing.T) {
	for _, row := range []struct {
		name         string
		url, address string // of the endpoint
		sibling      string
		want         phone.Endpoint
	}{
		{"below the same origin", "https://sms.example.com/sms", "http://localhost:8080/sms", "https://sms.example.com/sms/fallback",
			phone.Endpoint{URL: "https://sms.example.com/sms/fallback", Address: "http://localhost:8080/sms/fallback"}},
		{"named by the address", "https://sms.example.com/sms", "http://localhost:8080/sms", "http://localhost:8080/sms/fallback",
			phone.Endpoint{URL: "https://sms.example.com/sms/fallback", Address: "http://localhost:8080/sms/fallback"}},
		{"below a prefix that the tunnel takes off", "https://sms.example.com/a/b/sms", "http://localhost:8080/sms", "https://sms.example.com/a/b/help?x=1",
			phone.Endpoint{URL: "https://sms.example.com/a/b/help?x=1", Address: "http://localhost:8080/help?x=1"}},
		{"below a prefix that the tunnel adds", "https://sms.example.com/sms", "http://localhost:8080/app/sms", "https://sms.example.com/help",
			phone.Endpoint{URL: "https://sms.example.com/help", Address: "http://localhost:8080/app/help"}},
		{"named by an address below such a prefix", "https://sms.example.com/sms", "http://localhost:8080/app/sms", "http://localhost:8080/app/help",
			phone.Endpoint{URL: "https://sms.example.com/help", Address: "http://localhost:8080/app/help"}},
		{"beside a prefix it is its own address", "https://sms.example.com/a/sms", "http://localhost:8080/sms", "https://sms.example.com/b/help",
			phone.Endpoint{URL: "https://sms.example.com/b/help"}},
		{"a path that is only spelled like the prefix", "https://sms.example.com/a/sms", "http://localhost:8080/sms", "https://sms.example.com/about",
			phone.Endpoint{URL: "https://sms.example.com/about"}},
		{"paths with nothing in common tell of no prefix", "https://sms.example.com/sms", "http://localhost:8080/hook", "https://sms.example.com/help",
			phone.Endpoint{URL: "https://sms.example.com/help", Address: "http://localhost:8080/help"}},
		{"another host is its own address", "https://sms.example.com/sms", "http://localhost:8080/sms", "https://apology.example.com/sms",
			phone.Endpoint{URL: "https://apology.example.com/sms"}},
		{"another port is its own address", "https://sms.example.com/sms", "http://localhost:8080/sms", "http://localhost:8081/sms",
			phone.Endpoint{URL: "http://localhost:8081/sms"}},
		{"the default port is no other port", "https://sms.example.com/sms", "http://localhost/sms", "https://sms.example.com:443/help",
			phone.Endpoint{URL: "https://sms.example.com:443/help", Address: "http://localhost/help"}},
		{"connection overrides stay with the URL", "https://sms.example.com/sms#rc=1", "http://localhost:8080/sms", "http://localhost:8080/help#rc=2",
			phone.Endpoint{URL: "https://sms.example.com/help#rc=2", Address: "http://localhost:8080/help"}},
		{"user and password stay with the server", "https://sms.example.com/sms", "http://u:p@localhost:8080/sms", "https://sms.example.com/help",
			phone.Endpoint{URL: "https://sms.example.com/help", Address: "http://u:p@localhost:8080/help"}},
		{"user and password stay with the public URL", "https://u:p@sms.example.com/sms", "http://localhost:8080/sms", "http://localhost:8080/help",
			phone.Endpoint{URL: "https://u:p@sms.example.com/help", Address: "http://localhost:8080/help"}},
		{"without an address there is none", "https://sms.example.com/sms", "", "https://sms.example.com/help",
			phone.Endpoint{URL: "https://sms.example.com/help"}},
		{"what is no URL is left for New to refuse", "https://sms.example.com/sms", "http://localhost:8080/sms", "help",
			phone.Endpoint{URL: "help"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := (phone.Endpoint{URL: row.url, Address: row.address}).Sibling(row.sibling); got != row.want {
				t.Errorf("%+v, want %+v", got, row.want)
			}
		})
	}
}

func TestWhatIsSentToAnAddress(t *testing.T) {
	for _, row := range []struct {
		name         string
		url, address string // SELF is the test's server
		target       string
	}{
		{"without an address the URL itself", "http://SELF/a/sms?b=c", "", "/a/sms?b=c"},
		{"a URL without a path", "http://SELF", "", "/"},
		{"a URL without a path and with a query", "http://SELF?a=b", "", "/?a=b"},
		{"the address's own path", "https://sms.example.com/sms", "http://SELF/hook", "/hook"},
		{"the URL's query where the address has none", "https://sms.example.com/sms?a=b", "http://SELF/hook", "/hook?a=b"},
		{"the address's query where it has one", "https://sms.example.com/sms?a=b", "http://SELF/hook?c=d", "/hook?c=d"},
		{"no fragment", "http://SELF/sms#rc=0", "", "/sms"},
		{"escapes as they are written", "http://SELF/%61%2fb'c?d=%20+", "", "/%61%2fb'c?d=%20+"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWebhook(t, says(empty))
			host := strings.TrimPrefix(w.URL, "http://")
			self := strings.NewReplacer("SELF", host)
			d := send(t, newPhone(t, phone.Endpoint{URL: self.Replace(row.url), Address: self.Replace(row.address)}), "hi")
			if !d.OK() {
				t.Fatalf("%+v", d.Findings)
			}
			if got := w.only(t); got.target != row.target || got.host != host {
				t.Errorf("%s at %s, want %s at %s", got.target, got.host, row.target, host)
			}
		})
	}
}
