package hostname_test

import (
	"fmt"
	"net/url"
	"testing"

	"smsession/internal/hostname"
)

func TestHosts(t *testing.T) {
	for host, want := range map[string]struct {
		name         string
		loopback, ip bool
	}{
		"localhost":              {"localhost", true, false},
		"LocalHost:8080":         {"localhost", true, false},
		"localhost.:8080":        {"localhost", true, false},
		"a.localhost":            {"a.localhost", true, false},
		"localhost.evil.example": {"localhost.evil.example", false, false},
		"evillocalhost":          {"evillocalhost", false, false},
		"127.0.0.1":              {"127.0.0.1", true, true},
		"127.9.9.9:80":           {"127.9.9.9", true, true},
		"127.0.0.1.evil.example": {"127.0.0.1.evil.example", false, false},
		"127.1":                  {"127.1", false, false},
		"2130706433":             {"2130706433", false, false},
		"0x7f.0.0.1":             {"0x7f.0.0.1", false, false},
		"[::1]":                  {"::1", true, true},
		"[::1]:80":               {"::1", true, true},
		"[::ffff:127.0.0.1]:80":  {"::ffff:127.0.0.1", true, true},
		"[fe80::1%25eth0]:80":    {"fe80::1%25eth0", false, true},
		"10.0.0.1:9464":          {"10.0.0.1", false, true},
		"0.0.0.0":                {"0.0.0.0", false, true},
		"Prometheus.Internal.":   {"prometheus.internal", false, false},
		"localhost@evil.example": {"localhost@evil.example", false, false},
		"localhost:80:80":        {"localhost:80:80", false, false},
		"":                       {"", false, false},
		":80":                    {"", false, false},
		".":                      {"", false, false},
	} {
		t.Run(host, func(t *testing.T) {
			name := hostname.Of(host)
			if name != want.name || hostname.IsLoopback(name) != want.loopback || hostname.IsIP(name) != want.ip {
				t.Errorf("it is %q, loopback %v, an address %v", name, hostname.IsLoopback(name), hostname.IsIP(name))
			}
		})
	}
}

func TestCheck(t *testing.T) {
	const (
		host = "the host is neither a name nor an IP address"
		port = "the port is not a number from 1 to 65535"
	)
	for address, want := range map[string]string{
		"https://sms.example.com":   "<nil>",
		"https://müller.example":    "<nil>",
		"https://sms_1:8080":        "<nil>",
		"https://[fe80::1%25eth0]":  "<nil>",
		"https://me:pass@[::1]:443": "<nil>",
		"https://h:65535":           "<nil>",
		"https://":                  "the URL has no host",
		"https://:443":              "the URL has no host",
		"https:///path":             "the URL has no host",
		"https://<host>":            host,
		"https://a,b":               host,
		"https://h:":                port,
		"https://h:0":               port,
		"https://h:65536":           port,
	} {
		t.Run(address, func(t *testing.T) {
			u, err := url.Parse(address)
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(hostname.Check(u)); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}
