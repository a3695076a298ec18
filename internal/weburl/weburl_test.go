package weburl

import (
	"net/url"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, row := range []struct{ name, text, signed string }{
		{"a URL is signed as it is written", "https://sms.example.com/a/%7e/sms?x=%20+&y", "https://sms.example.com/a/%7e/sms?x=%20+&y"},
		{"the case of the host is kept", "https://SMS.Example.com/sms", "https://SMS.Example.com/sms"},
		{"the default port is kept", "https://sms.example.com:443/sms", "https://sms.example.com:443/sms"},
		{"an IPv6 address is a host", "http://[::1]:8080/sms", "http://[::1]:8080/sms"},
		{"letters outside ASCII are kept", "https://sms.example.com/España?año=1", "https://sms.example.com/España?año=1"},
		{"a missing path stays missing", "https://sms.example.com?a=b", "https://sms.example.com?a=b"},
		{"the fragment is not signed", "https://sms.example.com/sms#rc=2", "https://sms.example.com/sms"},
		{"user and password are not signed", "https://user:p%40ss@sms.example.com/sms", "https://sms.example.com/sms"},
		{"an at sign in the path is signed", "https://sms.example.com/a@b", "https://sms.example.com/a@b"},
	} {
		t.Run(row.name, func(t *testing.T) {
			u, err := Parse(row.text)
			if err != nil || u.Signed != row.signed {
				t.Errorf("Parse returns %v; %s is signed", err, u.Signed)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	for name, text := range map[string]string{
		"another scheme":                 "ftp://hunter2.example.com/sms",
		"no scheme":                      "hunter2.example.com/sms",
		"no host":                        "https:///hunter2",
		"only a port":                    "https://:443/hunter2",
		"a port that is too large":       "https://hunter2.example.com:65536/",
		"port 0":                         "https://hunter2.example.com:0/",
		"a malformed escape":             "https://hunter2.example.com/%zz",
		"a space":                        "https://hunter2.example.com/a b",
		"a line break":                   "https://hunter2.example.com/a\r\nX: y",
		"a malformed escape in password": "https://user:hunter2%zz@sms.example.com/sms",
	} {
		t.Run(name+" is an error that does not quote the URL", func(t *testing.T) {
			if u, err := Parse(text); err == nil || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("Parse returns %+v, %v", u, err)
			}
		})
	}
}

// net/url would have changed the bytes that Twilio signs in its published vector 19.
func TestNetURLChangesBytes(t *testing.T) {
	const signed = "https://mycompany.com/webhook/España?año=2023"
	u, err := url.Parse(signed)
	if err != nil || u.String() == signed {
		t.Errorf("net/url keeps %s, %v", u, err)
	}
}

func TestSameOrigin(t *testing.T) {
	for _, row := range []struct {
		name, a, b string
		want       bool
	}{
		{"another path is the same origin", "https://sms.example.com/a", "https://sms.example.com/b?c", true},
		{"capitals are the same origin", "https://sms.example.com/a", "HTTPS://SMS.example.com/a", true},
		{"the default port is the same origin", "http://sms.example.com/a", "http://sms.example.com:80/a", true},
		{"another scheme is another origin", "http://sms.example.com/a", "https://sms.example.com/a", false},
		{"another port is another origin", "http://sms.example.com/a", "http://sms.example.com:8080/a", false},
		{"another host is another origin", "http://sms.example.com/a", "http://sms.example.org/a", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := parse(t, row.a).SameOrigin(parse(t, row.b)); got != row.want {
				t.Errorf("SameOrigin returns %t", got)
			}
		})
	}
}

func TestFollow(t *testing.T) {
	const base = "https://user:pass@sms.example.com/a/sms?x=1"
	for _, row := range []struct {
		name     string
		status   int
		location string
		want     Redirect
	}{
		{"301 is followed with GET", 301, "/next", Redirect{"https://sms.example.com/next", "GET", false}},
		{"302 is followed with GET", 302, "/next", Redirect{"https://sms.example.com/next", "GET", false}},
		{"303 is followed with GET", 303, "/next", Redirect{"https://sms.example.com/next", "GET", false}},
		{"307 repeats the request", 307, "/next", Redirect{"https://sms.example.com/next", "POST", true}},
		{"a relative path is resolved", 307, "next?y=2", Redirect{"https://sms.example.com/a/next?y=2", "POST", true}},
		{"a query replaces the query", 307, "?y=2", Redirect{"https://sms.example.com/a/sms?y=2", "POST", true}},
		{"a URL without a scheme keeps the scheme", 307, "//other.example/b", Redirect{"https://other.example/b", "POST", true}},
		{"an absolute URL keeps its bytes", 307, "HTTP://Other.example:80/%7e?'", Redirect{"HTTP://Other.example:80/%7e?'", "POST", true}},
		{"a path from the root keeps its bytes", 307, "/%7e/../b?'", Redirect{"https://sms.example.com/%7e/../b?'", "POST", true}},
		{"the fragment is dropped", 307, "/next#rc=5", Redirect{"https://sms.example.com/next", "POST", true}},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got, err := parse(t, base).Follow("POST", row.status, row.location); err != nil || got != row.want {
				t.Errorf("Follow returns %+v, %v", got, err)
			}
		})
	}
	for _, row := range []struct {
		name     string
		status   int
		location string
	}{
		{"300 is not followed", 300, "/next"},
		{"304 is not followed", 304, "/next"},
		{"305 is not followed", 305, "/next"},
		{"306 is not followed", 306, "/next"},
		{"308 is not followed", 308, "/next"},
		{"a missing Location is an error", 302, ""},
		{"a Location with only a fragment is an error", 307, "#top"},
		{"a Location that cannot be parsed is an error", 302, "http://a.example:port/"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got, err := parse(t, base).Follow("POST", row.status, row.location); err == nil {
				t.Errorf("Follow returns %+v", got)
			}
		})
	}
}

func parse(t *testing.T, text string) URL {
	t.Helper()
	u, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
