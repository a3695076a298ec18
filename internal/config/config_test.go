package config_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"smsession/internal/config"
	"smsession/internal/config/redisurl"
	"smsession/internal/twilio"
)

const (
	token = "0123456789abcdef0123456789abcdef"
	sid   = "ACaBcdef0123456789abcdef0123456789"

	otherSID = "AC00000000000000000000000000000002"
)

// required returns flags in which only the settings without a default are set.
func required() config.Flags {
	var f config.Flags
	f.PublicURL = "https://sms.example.com"
	f.TwilioAuthToken = token
	f.RedisURL = "redis://redis"
	return f
}

// read changes the required flags and returns their settings.
func read(t *testing.T, set func(*config.Flags)) config.Config {
	t.Helper()
	f := required()
	set(&f)
	c, err := f.Config()
	if err != nil {
		t.Fatalf("refused:\n%v", err)
	}
	return c
}

// write makes a file for a *_FILE setting.
func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDefaults(t *testing.T) {
	got := read(t, func(*config.Flags) {})
	want := config.Config{
		Addr:           ":8080",
		AdminAddr:      "127.0.0.1:9464",
		PublicURL:      parseURL(t, "https://sms.example.com"),
		WebhookURL:     parseURL(t, "https://sms.example.com/sms"),
		FallbackURL:    parseURL(t, "https://sms.example.com/sms/fallback"),
		AuthTokens:     twilio.Tokens{{Value: token}},
		Redis:          redisurl.URL{Addrs: []string{"redis:6379"}},
		RedisPrefix:    "sms:",
		Connections:    64,
		IdleTimeout:    4 * time.Hour,
		Lifetime:       30 * 24 * time.Hour,
		RequestBudget:  10 * time.Second,
		KeepAlive:      650 * time.Second,
		MaxConnections: 8192,
		DrainDelay:     5 * time.Second,
		OptOut:         "default",
		App:            config.App{Protocol: "twilio", Timeout: 8 * time.Second, Concurrency: 256},
		LogLevel:       slog.LevelInfo,
		LogFormat:      "json",
		Pprof:          true,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestDevDefaults(t *testing.T) {
	got, err := config.DevFlags{}.Config()
	want := config.Config{
		Addr:           "127.0.0.1:8080",
		AdminAddr:      "127.0.0.1:9464",
		RedisPrefix:    "sms:",
		Connections:    64,
		IdleTimeout:    4 * time.Hour,
		Lifetime:       30 * 24 * time.Hour,
		RequestBudget:  10 * time.Second,
		KeepAlive:      650 * time.Second,
		MaxConnections: 8192,
		DrainDelay:     0,
		OptOut:         "default",
		App:            config.App{Protocol: "twilio", Timeout: 8 * time.Second, Concurrency: 256},
		LogLevel:       slog.LevelInfo,
		LogFormat:      "text",
		Pprof:          true,
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
}

func TestDevSettings(t *testing.T) {
	var f config.DevFlags
	f.Port = "5000"
	f.PublicURL = "https://tunnel.example.com/"
	f.TwilioAccountSID = sid
	f.SessionIdleTimeout = "2s"
	f.DrainDelay = "1s"
	f.LogFormat = "json"
	got, err := f.Config()
	if err != nil {
		t.Fatal(err)
	}
	want := config.DevDefaults()
	want.Addr = "127.0.0.1:5000"
	want.PublicURL = parseURL(t, "https://tunnel.example.com")
	want.WebhookURL = parseURL(t, "https://tunnel.example.com/sms")
	want.FallbackURL = parseURL(t, "https://tunnel.example.com/sms/fallback")
	want.AccountSIDs = []string{sid}
	want.IdleTimeout = 2 * time.Second
	want.DrainDelay = time.Second
	want.LogFormat = "json"
	want.Pprof = true
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestOperatorSettings(t *testing.T) {
	var f config.OperatorFlags
	f.RedisURL = "redis://:pass@redis/2"
	f.RedisPrefix = "staging:"
	got, err := f.Config()
	want := redisurl.URL{Addrs: []string{"redis:6379"}, Redis: redisurl.Login{Password: "pass"}, Database: 2}
	if err != nil || !reflect.DeepEqual(got.Redis, want) || got.RedisPrefix != "staging:" {
		t.Errorf("got %v %q, %v", got.Redis, got.RedisPrefix, err)
	}
}

func TestWarnings(t *testing.T) {
	short := func(n, of int) string {
		return fmt.Sprintf("TWILIO_AUTH_TOKEN: token %d of %d is shorter than the 32 characters of Twilio's tokens", n,
			of)
	}
	const ends = "PUBLIC_URL ends in /sms: the service accepts only requests that Twilio sends to https://sms.example.com/sms/sms"
	rows := []struct {
		name string
		set  func(*config.Flags)
		want []string
	}{
		{"the settings are right", func(*config.Flags) {}, nil},
		{"PUBLIC_URL ends in /sms", func(f *config.Flags) { f.PublicURL += "/sms/" }, []string{ends}},
		{"PUBLIC_URL ends in /sms, but is not used", func(f *config.Flags) {
			f.PublicURL, f.WebhookURL, f.FallbackURL = f.PublicURL+"/sms", "https://sms.example.com/sms",
				"https://sms.example.com/sms/fallback"
		}, nil},
		{"a token is short", func(f *config.Flags) {
			f.TwilioAuthToken = token + "," + token[1:] + "," + sid + ":" +
				token
		}, []string{short(2, 3)}},
		{"a token is short after its account", func(f *config.Flags) { f.TwilioAuthToken = sid + ":" + token[1:] },
			[]string{short(1, 1)}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if got := read(t, row.set).Warnings(); !slices.Equal(got, row.want) {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}
