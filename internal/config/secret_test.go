package config_test

import (
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"smsession/internal/config"
)

// sentinel is the secret of the tests. No output may contain it.
const sentinel = "S3cr3t"

// leaks reports whether text contains the sentinel, also with letters in another
// case, as in the host of a URL.
func leaks(text string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(sentinel))
}

// malformed returns URLs that contain the sentinel and that are faults in every
// URL setting.
func malformed() []string {
	return []string{
		"://S3cr3t",
		"S3cr3t",
		"S3cr3t://host",
		"redis://S3cr3t@host",
		"redis://user:S3cr3t@host:port%zz",
		"redis://user:S3cr3t@host:99999",
		"redis://user:S3cr3t@ho st",
		"redis://user:S3cr3t@\x7f",
		"redis://user:S3cr3t\x00@host",
		"redis://user:S3cr3t%@host",
		"redis://user:S3cr3t@[::1",
		"redis://:S3cr3t",
		"redis://user:pa/S3cr3t@host",
		"redis://user:12/S3cr3t@host",
		"redis://user:12?S3cr3t@host",
		"redis://user:12?S3cr3t=1",
		"redis://user:12?db=S3cr3t@host",
		"redis://user:12#S3cr3t@host",
		"redis://user:S3cr3t@host/S3cr3t",
		"redis://user:S3cr3t@host?password=S3cr3t",
		"redis+sentinel://:S3cr3t@host",
		"redis+sentinel://host,user:S3cr3t@host/primary?db=S3cr3t",
		"redis+sentinel://host/primary?sentinel_password=S3cr3t&S3cr3t=1&db=x",
		"redis+sentinel://host/primary?sentinel_password=S3cr3t&sentinel_password=S3cr3t",
		"redis+cluster://:12?ca_file=S3cr3t@host",
		"rediss://host?ca_file=/S3cr3t",
		"rediss://host?cert_file=/S3cr3t&key_file=/S3cr3t",
		"redis+S3cr3t://host",
		"https://user:S3cr3t@host:port%zz",
		"https://user:S3cr3t@host:99999",
		"https://user:S3cr3t@host?S3cr3t",
		"https://user:S3cr3t@host\x00",
		"https://user:12#S3cr3t@host",
		"https://user:S3cr3t@",
		"https://user:pa/S3cr3t@host",
		"https://user:S3cr3t@<host>",
		"https://user:S3cr3t@host:",
	}
}

func TestFaultsWithoutSecrets(t *testing.T) {
	for _, secret := range append(malformed(), "S3cr3t,", "S3cr3t x", "S3cr3t\x00", "'S3cr3t'", "S3cr3té",
		"AC12:S3cr3t", strings.Repeat("S3cr3t", 11000)) {
		for setting, set := range map[string]func(*config.Flags){
			"TWILIO_AUTH_TOKEN": func(f *config.Flags) { f.TwilioAuthToken = secret + "," },
			"TWILIO_AUTH_TOKEN_FILE": func(f *config.Flags) {
				f.TwilioAuthToken, f.TwilioAuthTokenFile = "",
					write(t, secret+",")
			},
			"a token set as a path": func(f *config.Flags) { f.TwilioAuthToken, f.TwilioAuthTokenFile = "", secret },
			"both token settings": func(f *config.Flags) {
				f.TwilioAuthToken, f.TwilioAuthTokenFile = secret,
					secret
			},
			"REDIS_URL":           func(f *config.Flags) { f.RedisURL = secret },
			"REDIS_URL_FILE":      func(f *config.Flags) { f.RedisURL, f.RedisURLFile = "", write(t, secret) },
			"a URL set as a path": func(f *config.Flags) { f.RedisURL, f.RedisURLFile = "", secret },
			"PUBLIC_URL":          func(f *config.Flags) { f.PublicURL = secret },
			"WEBHOOK_URL":         func(f *config.Flags) { f.WebhookURL = secret },
			"FALLBACK_URL":        func(f *config.Flags) { f.FallbackURL = secret },
			"TWILIO_ACCOUNT_SID":  func(f *config.Flags) { f.TwilioAccountSID = secret },
			"APP_URL":             func(f *config.Flags) { f.AppURL, f.Addr = secret, "x" }, // its query may be a secret
			"APP_PUBLIC_URL":      func(f *config.Flags) { f.AppPublicURL, f.Addr = secret, "x" },
			"APP_SECRET":          func(f *config.Flags) { f.AppSecret = secret },
			"APP_SECRET_FILE":     func(f *config.Flags) { f.AppSecretFile = write(t, secret) },
			"a secret as a path":  func(f *config.Flags) { f.AppSecretFile = secret },
			"both secrets":        func(f *config.Flags) { f.AppSecret, f.AppSecretFile = secret, secret },
		} {
			f := required()
			set(&f)
			if _, err := f.Config(); err == nil {
				t.Errorf("%s accepts %q", setting, secret)
			} else if leaks(err.Error()) {
				t.Errorf("%s, set to %q: %v", setting, secret, err)
			}
		}
	}
}

// TestNaiveFaultLeaks is the negative control of TestFaultsWithoutSecrets: a
// fault with the error of url.Parse contains the secret.
func TestNaiveFaultLeaks(t *testing.T) {
	caught := 0
	for _, secret := range malformed() {
		if _, err := url.Parse(secret); err != nil && leaks(fmt.Sprintf("REDIS_URL: %v", err)) {
			caught++
		}
	}
	if caught < 10 {
		t.Errorf("%d of the malformed URLs leak in a naive fault, want at least 10", caught)
	}
}

func TestOutputWithoutSecrets(t *testing.T) {
	c := read(t, func(f *config.Flags) {
		f.PublicURL = "https://S3cr3t:S3cr3t@host/#S3cr3t"
		f.WebhookURL, f.FallbackURL = "https://S3cr3t:S3cr3t@host/in#S3cr3t", "https://S3cr3t@host/sorry"
		f.TwilioAuthToken = "S3cr3t,S3cr3t2," + sid + ":S3cr3t"
		f.RedisURL = "redis://user:S3cr3t%20@host/3"
		f.AppURL, f.AppPublicURL = "http://S3cr3t:S3cr3t@bot/sms?S3cr3t", "https://S3cr3t@bot/sms?S3cr3t"
		f.AppProtocol, f.AppSecret = "json", "whsec_"+strings.Repeat("S3cr3t", 6)+
			",whsec_"+base64.StdEncoding.EncodeToString([]byte(strings.Repeat("S3cr3t", 5)))
	})
	var log strings.Builder
	handlers := []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)}
	for _, handler := range handlers {
		slog.New(handler).Info("start", "config", c, "redis", c.Redis, "app", c.App)
	}
	outputs := map[string]string{
		"the settings":      fmt.Sprint(c.Settings()),
		"a printed Config":  fmt.Sprintf("%v %+v %s", c, c, c),
		"a printed *Config": fmt.Sprintf("%v %+v", &c, &c),
		"a printed Redis":   fmt.Sprintf("%v %+v", c.Redis, &c.Redis),
		"printed fields": fmt.Sprintf("%v %+v %v %s %v %+v", c.PublicURL, c.WebhookURL, c.AuthTokens, c.Redis,
			c.App, c.App.Secrets),
		"a Config in a struct": fmt.Sprintf("%+v", struct{ Config config.Config }{c}),
		"the log":              log.String(),
		"the warnings":         fmt.Sprint(c.Warnings(), c.Redis),
	}
	for name, output := range outputs {
		if leaks(output) {
			t.Errorf("%s: %s", name, output)
		}
		if !strings.Contains(output, "redis://user:•••@host:6379/3") {
			t.Errorf("%s does not contain the Redis URL: %s", name, output)
		}
	}
}
