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
			if err != nil || u.String() != row.signed || u.Configured() != row.text {
				t.Errorf("Parse returns the error %v; String returns %s, Configured returns %s", err, u, u.Configured())
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
		"an empty port":                  "https://hunter2.example.com:/",
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

// Twilio's published vector 19 has a URL whose bytes net/url changes.
func TestNetURLChangesBytes(t *testing.T) {
	const signed = "https://mycompany.com/webhook/España?año=2023"
	u, err := url.Parse(signed)
	if err != nil || u.String() == signed {
		t.Errorf("net/url keeps %s, %v", u, err)
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
