package phone_test

import (
	"strings"
	"testing"

	"smsession/internal/phone"
)

func TestSibling(t *testing.T) {
	const public, local = "https://sms.example.com/sms", "http://localhost:8080/sms"
	for _, row := range []struct {
		name         string
		url, address string // of the endpoint
		sibling      string
		want         phone.Endpoint
	}{
		{"a public URL has an address", public, local, "https://sms.example.com/sms/fallback",
			phone.Endpoint{URL: "https://sms.example.com/sms/fallback", Address: "http://localhost:8080/sms/fallback"}},
		{"an address has a public URL", public, local, "http://localhost:8080/sms/fallback",
			phone.Endpoint{URL: "https://sms.example.com/sms/fallback", Address: "http://localhost:8080/sms/fallback"}},
		{"the tunnel removes a prefix", "https://sms.example.com/a/b/sms", local, "https://sms.example.com/a/b/help?x=1",
			phone.Endpoint{URL: "https://sms.example.com/a/b/help?x=1", Address: "http://localhost:8080/help?x=1"}},
		{"the tunnel adds a prefix", public, "http://localhost:8080/app/sms", "https://sms.example.com/help",
			phone.Endpoint{URL: "https://sms.example.com/help", Address: "http://localhost:8080/app/help"}},
		{"the tunnel adds a prefix to an address", public, "http://localhost:8080/app/sms", "http://localhost:8080/app/help",
			phone.Endpoint{URL: "https://sms.example.com/help", Address: "http://localhost:8080/app/help"}},
		{"a URL outside the prefix has no address", "https://sms.example.com/a/sms", local, "https://sms.example.com/b/help",
			phone.Endpoint{URL: "https://sms.example.com/b/help"}},
		{"a URL whose first name only begins with the prefix has no address", "https://sms.example.com/a/sms", local, "https://sms.example.com/about",
			phone.Endpoint{URL: "https://sms.example.com/about"}},
		{"paths without a common end have no prefix", public, "http://localhost:8080/hook", "https://sms.example.com/help",
			phone.Endpoint{URL: "https://sms.example.com/help", Address: "http://localhost:8080/help"}},
		{"another host has no address", public, local, "https://apology.example.com/sms",
			phone.Endpoint{URL: "https://apology.example.com/sms"}},
		{"another port has no address", public, local, "http://localhost:8081/sms",
			phone.Endpoint{URL: "http://localhost:8081/sms"}},
		{"the default port is the same port", public, "http://localhost/sms", "https://sms.example.com:443/help",
			phone.Endpoint{URL: "https://sms.example.com:443/help", Address: "http://localhost/help"}},
		{"connection overrides belong to the public URL", "https://sms.example.com/sms#rc=1", local, "http://localhost:8080/help#rc=2",
			phone.Endpoint{URL: "https://sms.example.com/help#rc=2", Address: "http://localhost:8080/help"}},
		{"user and password stay with the address", public, "http://u:p@localhost:8080/sms", "https://sms.example.com/help",
			phone.Endpoint{URL: "https://sms.example.com/help", Address: "http://u:p@localhost:8080/help"}},
		{"user and password stay with the public URL", "https://u:p@sms.example.com/sms", local, "http://localhost:8080/help",
			phone.Endpoint{URL: "https://u:p@sms.example.com/help", Address: "http://localhost:8080/help"}},
		{"a sibling of an endpoint without an address has no address", public, "", "https://sms.example.com/help",
			phone.Endpoint{URL: "https://sms.example.com/help"}},
		{"a text that is not a URL is returned without an address", public, local, "help",
			phone.Endpoint{URL: "help"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := (phone.Endpoint{URL: row.url, Address: row.address}).Sibling(row.sibling); got != row.want {
				t.Errorf("the sibling is %+v, want %+v", got, row.want)
			}
		})
	}
}

// SELF is the host and the port of the test's server.
func TestRequestTarget(t *testing.T) {
	const public = "https://sms.example.com/sms"
	for _, row := range []struct{ name, url, address, target string }{
		{"without an address the URL is requested", "http://SELF/a/sms?b=c", "", "/a/sms?b=c"},
		{"a missing path means the root", "http://SELF", "", "/"},
		{"a missing path before a query means the root", "http://SELF?a=b", "", "/?a=b"},
		{"the address has its own path", public, "http://SELF/hook", "/hook"},
		{"an address without a query gets the URL's query", public + "?a=b", "http://SELF/hook", "/hook?a=b"},
		{"an address keeps its query", public + "?a=b", "http://SELF/hook?c=d", "/hook?c=d"},
		{"the fragment is not sent", "http://SELF/sms#rc=0", "", "/sms"},
		{"escapes are sent as they are written", "http://SELF/%61%2fb'c?d=%20+", "", "/%61%2fb'c?d=%20+"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWebhook(t, responds(empty))
			host := strings.TrimPrefix(w.URL, "http://")
			self := strings.NewReplacer("SELF", host)
			d := send(t, newPhone(t, phone.Endpoint{URL: self.Replace(row.url), Address: self.Replace(row.address)}),
				"hi")
			if got := w.only(t); !d.OK() || got.target != row.target || got.host != host {
				t.Errorf("the request is for %s at %s, want %s at %s: %+v", got.target, got.host, row.target, host,
					d.Findings)
			}
		})
	}
}
