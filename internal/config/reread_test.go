package config_test

import (
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"smsession/internal/config"
	"smsession/internal/redistest"
)

func TestRereadRedis(t *testing.T) {
	const name = "REDIS_URL_FILE (--redis-url-file): "
	for _, row := range []struct{ name, before, after, wantPassword, wantFault string }{
		{name: "another password is returned", before: "redis://app:old@redis", after: "redis://app:new@redis",
			wantPassword: "new"},
		{name: "another server needs a restart", before: "redis://:old@redis", after: "redis://:new@other",
			wantFault: name +
				"the URL names another server or database than at the start, or turns TLS on or off: restart the service to use it"},
		{name: "a file without a URL is a fault", before: "redis://:old@redis", after: "S3cr3t",
			wantFault: name + "the value must be a URL such as redis://localhost:6379"},
	} {
		t.Run(row.name, func(t *testing.T) {
			file := write(t, row.before)
			flags := config.RedisFlags{RedisURLFile: file}
			before := read(t, func(f *config.Flags) { f.RedisURL, f.RedisURLFile = "", file }).Redis
			if err := os.WriteFile(file, []byte(row.after), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := flags.Reread(before)
			fault := ""
			if err != nil {
				fault = err.Error()
			}
			if got.Redis.Password != row.wantPassword || fault != row.wantFault {
				t.Errorf("got %v, %q", got, fault)
			}
		})
	}
}

func TestRereadCertificates(t *testing.T) {
	old, next := redistest.Start(t, redistest.Options{TLS: true}), redistest.Start(t, redistest.Options{TLS: true})
	ca, cert, key := write(t, ""), write(t, ""), write(t, "")
	replace := func(s *redistest.Server) {
		for to, from := range map[string]string{ca: s.PEMFile(), cert: s.PEMFile(), key: s.PEMFile()} {
			text, err := os.ReadFile(from)
			if err == nil {
				err = os.WriteFile(to, text, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	replace(old)
	flags := config.RedisFlags{RedisURL: "rediss://redis?" +
		url.Values{"ca_file": {ca}, "cert_file": {cert}, "key_file": {key}}.Encode()}
	before := read(t, func(f *config.Flags) { f.RedisFlags = flags }).Redis
	replace(next)
	after, err := flags.Reread(before)
	if err != nil {
		t.Fatal(err)
	}
	if after.Redis.TLS.RootCAs.Equal(before.Redis.TLS.RootCAs) ||
		slices.Equal(after.Redis.TLS.Certificates[0].Certificate[0], before.Redis.TLS.Certificates[0].Certificate[0]) {
		t.Error("got the old certificates")
	}
	if err := os.WriteFile(key, nil, 0o600); err != nil { // as when another program writes the file
		t.Fatal(err)
	}
	again, err := flags.Reread(after)
	if err == nil || again.Redis.TLS != nil {
		t.Errorf("Reread = %v for a key that is empty, want a fault and no URL", err)
	}
}

func TestRereadTokens(t *testing.T) {
	flags := config.Flags{WebhookFlags: config.WebhookFlags{TwilioAuthTokenFile: write(t, "new,old\n")}}
	if got, err := flags.RereadTokens(); err != nil || len(got) != 2 {
		t.Errorf("got %d tokens, %v, want 2", len(got), err)
	}
	// the last one has no token for the account
	for _, content := range []string{"", "S3cr3t,,old", "S3cr3t old", otherSID + ":S3cr3t"} {
		flags := config.Flags{WebhookFlags: config.WebhookFlags{TwilioAuthTokenFile: write(t, content)}}
		flags.TwilioAccountSID = sid
		if got, err := flags.RereadTokens(); err == nil || got != nil || strings.Contains(err.Error(), "S3cr3t") {
			t.Errorf("%q: got %d tokens, %v, want a fault that quotes nothing", content, len(got), err)
		}
	}
}
