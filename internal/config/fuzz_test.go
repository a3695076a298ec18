package config_test

import (
	"strings"
	"testing"

	"smsession/internal/config"
)

// FuzzPublicURL checks that what is accepted can be signed: scheme, host and
// path, cut from what was configured.
func FuzzPublicURL(f *testing.F) {
	for _, raw := range malformed() {
		f.Add(raw)
	}
	f.Add("https://user:p@ss@Host.example:443/a//#rc=2")
	f.Add("HTTP://[::1]:8080/%2f")
	f.Fuzz(func(t *testing.T, raw string) {
		var flags config.DevFlags
		flags.PublicURL = raw
		c, err := flags.Config()
		if err != nil || c.PublicURL == (config.URL{}) {
			return
		}
		scheme, rest, found := strings.Cut(c.PublicURL.String(), "://")
		authority, path, _ := strings.Cut(rest, "/")
		if !found || authority == "" || strings.ContainsAny(authority, "@ ") || strings.ContainsAny(path, "?# ") {
			t.Errorf("%q: accepted as %q", raw, c.PublicURL)
		}
		if !strings.Contains(raw, authority) || !strings.Contains(raw, path) {
			t.Errorf("%q: bytes changed to %q", raw, c.PublicURL)
		}
		if c.PublicURL.IsHTTPS() != strings.EqualFold(scheme, "https") {
			t.Errorf("%q: HTTPS is %t", raw, c.PublicURL.IsHTTPS())
		}
	})
}

// FuzzFlags sets every setting at once: none panics, no fault shows a secret,
// and what is accepted is within its bounds.
func FuzzFlags(f *testing.F) {
	f.Add("", "", "", "", "", "", "", "", "", "", "", "", "", "")
	f.Add(":80", "80", "", "true", "", sid, "app:", "0", "4h", "720h", "10s", "5s", "off", "debug")
	f.Add("::1:80", "-1", "[::1]:0", "1", ",", "AC", "{", "1", "-1h", "9e9h", "14s", "6m", "on", "info+1")
	f.Fuzz(func(t *testing.T, addr, port, admin, pprof, tokens, account, prefix, replicas, idle, lifetime, budget, drain, optOut, level string) {
		flags := required()
		flags.Addr, flags.Port, flags.AdminAddr, flags.Pprof = addr, port, &admin, pprof
		flags.TwilioAuthToken, flags.TwilioAccountSID = sentinel+tokens, account
		flags.RedisURL = "redis://:" + sentinel + "@h"
		flags.RedisPrefix, flags.RedisWaitReplicas = prefix, replicas
		flags.SessionIdleTimeout, flags.SessionLifetime = idle, lifetime
		flags.RequestBudget, flags.DrainDelay = budget, drain
		flags.OptOut, flags.LogLevel, flags.LogFormat = optOut, level, level
		for _, public := range []string{addr, port, admin, pprof, account, prefix, replicas, idle, lifetime, budget, drain, optOut, level} {
			if leaks(public) {
				t.Skip("the sentinel is where no secret is")
			}
		}
		c, err := flags.Config()
		if err != nil {
			if leaks(err.Error()) {
				t.Error(err)
			}
			return
		}
		if leaks(c.String()) {
			t.Error(c)
		}
		if c.IdleTimeout <= 0 || c.Lifetime <= 0 || c.RequestBudget <= 0 || c.DrainDelay < 0 || c.RedisPrefix == "" {
			t.Errorf("accepted: %v", c)
		}
	})
}
