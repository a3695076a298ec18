package weburl

import "testing"

func TestSameOrigin(t *testing.T) {
	for _, row := range []struct {
		name, a, b string
		want       bool
	}{
		{"a URL with another path has the same origin", "https://sms.example.com/a", "https://sms.example.com/b?c", true},
		{"a URL in capitals has the same origin", "https://sms.example.com/a", "HTTPS://SMS.example.com/a", true},
		{"a URL with the default port has the same origin", "http://sms.example.com/a", "http://sms.example.com:80/a", true},
		{"a URL with another scheme has another origin", "http://sms.example.com/a", "https://sms.example.com/a", false},
		{"a URL with another port has another origin", "http://sms.example.com/a", "http://sms.example.com:8080/a", false},
		{"a URL with another host has another origin", "http://sms.example.com/a", "http://sms.example.org/a", false},
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
		{"a Location that is only a query replaces the query", 307, "?y=2", Redirect{"https://sms.example.com/a/sms?y=2", "POST", true}},
		{"a URL without a scheme keeps the scheme", 307, "//other.example/b", Redirect{"https://other.example/b", "POST", true}},
		{"a URL without a scheme and a host is not a path", 307, "//user@", Redirect{"https://user@", "POST", true}},
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
