package hostname_test

import (
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
