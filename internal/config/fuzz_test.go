package config_test

import (
	"testing"
)

// FuzzFlags sets many settings at once. No value panics, no fault contains a
// secret, and every accepted value is within its bounds.
func FuzzFlags(f *testing.F) {
	f.Add("", "", "", "", "", "", "", "", "", "", "", "", "", "")
	f.Add(":80", "80", "", "true", "", sid, "app:", "0", "4h", "720h", "10s", "5s", "off", "debug")
	f.Add("::1:80", "-1", "[::1]:0", "1", ",", "AC", "{", "1", "-1h", "9e9h", "14s", "6m", "on", "info+1")
	f.Fuzz(func(t *testing.T, addr, port, admin, pprof, tokens, account, prefix, replicas, idle, lifetime, budget,
		drain, optOut, level string) {
		for _, public := range []*string{&addr, &port, &admin, &pprof, &account, &prefix, &replicas, &idle, &lifetime,
			&budget, &drain, &optOut, &level} {
			if leaks(*public) { // only secret settings contain the sentinel
				*public = ""
			}
		}
		flags := required()
		flags.Addr, flags.Port, flags.AdminAddr, flags.Pprof = addr, port, &admin, pprof
		flags.TwilioAuthToken, flags.TwilioAccountSID = sentinel+tokens, account
		flags.RedisURL = "redis://:" + sentinel + "@h"
		flags.RedisPrefix, flags.RedisWaitReplicas = prefix, replicas
		flags.SessionIdleTimeout, flags.SessionLifetime = idle, lifetime
		flags.RequestBudget, flags.DrainDelay = budget, drain
		flags.OptOut, flags.LogLevel, flags.LogFormat = optOut, level, level
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
