package config_test

import (
	"fmt"
	"strings"
	"testing"

	"smsession/internal/config"
)

// table has the documented settings with their defaults.
const table = `
ADDR :8080
ADMIN_ADDR 127.0.0.1:9464
ADMIN_HOSTS
PUBLIC_URL https://sms.example.com
WEBHOOK_URL https://sms.example.com/sms
FALLBACK_URL https://sms.example.com/sms/fallback
TWILIO_AUTH_TOKEN •••
TWILIO_ACCOUNT_SID
REDIS_URL redis://redis:6379/0
REDIS_PREFIX sms:
REDIS_WAIT_REPLICAS 0
REDIS_CONNECTIONS 64
SESSION_IDLE_TIMEOUT 4h
SESSION_LIFETIME 720h
REQUEST_BUDGET 10s
KEEP_ALIVE 650s
MAX_CONNECTIONS 8192
DRAIN_DELAY 5s
MAX_REPLIES_PER_MINUTE 0
OPT_OUT default
APP_URL
APP_PROTOCOL twilio
APP_PUBLIC_URL
APP_TIMEOUT 8s
APP_CONCURRENCY 256
APP_IMPORT_COOKIES false
APP_SECRET
LOG_LEVEL info
LOG_FORMAT json
PPROF true
`

func TestDefaultSettings(t *testing.T) {
	var got strings.Builder
	for _, setting := range read(t, func(*config.Flags) {}).Settings() {
		line := fmt.Sprintf("%s %s", setting.Name, setting.Value)
		got.WriteString("\n" + strings.TrimSpace(line))
	}
	if got.String()+"\n" != table {
		t.Errorf("got%s\nwant%s", got.String(), table)
	}
}

func TestSettings(t *testing.T) {
	rows := []struct {
		name, setting string
		set           func(*config.Flags)
		want          string
	}{
		{"ADMIN_HOSTS is shown in lower case without ports", "ADMIN_HOSTS",
			func(f *config.Flags) { f.AdminHosts = " SMS-1:9464, metrics.example.com.,,[fd00::1]:1 " },
			"sms-1,metrics.example.com,fd00::1"},
		{"each token is masked", "TWILIO_AUTH_TOKEN", func(f *config.Flags) { f.TwilioAuthToken = "a," + sid + ":b" },
			"•••,•••"},
		{"only the password of REDIS_URL is masked", "REDIS_URL",
			func(f *config.Flags) { f.RedisURL = "rediss://a%40b:pass@h:1/3" }, "rediss://a%40b:•••@h:1/3"},
		{"REDIS_WAIT_REPLICAS is a number", "REDIS_WAIT_REPLICAS", func(f *config.Flags) { f.RedisWaitReplicas = "2" },
			"2"},
		{"WEBHOOK_URL is shown without login and fragment", "WEBHOOK_URL",
			func(f *config.Flags) { f.WebhookURL = "https://u:p@h/x/#y" }, "https://h/x/"},
		{"FALLBACK_URL is shown", "FALLBACK_URL", func(f *config.Flags) { f.FallbackURL = "https://h/y" },
			"https://h/y"},
		{"several accounts are separated by commas", "TWILIO_ACCOUNT_SID",
			func(f *config.Flags) { f.TwilioAccountSID = sid + ", " + otherSID }, sid + "," + otherSID},
		{"one account is shown", "TWILIO_ACCOUNT_SID", func(f *config.Flags) { f.TwilioAccountSID = sid }, sid},
		{"PUBLIC_URL is shown without login, fragment and last slash", "PUBLIC_URL",
			func(f *config.Flags) { f.PublicURL = "https://u:p@h/x/#y" }, "https://h/x"},
		{"PORT is a part of ADDR", "ADDR", func(f *config.Flags) { f.Port = "3000" }, ":3000"},
		{"ADMIN_ADDR is empty if the listener is off", "ADMIN_ADDR", func(f *config.Flags) { f.AdminAddr = new("") },
			""},
		{"a duration has no zero units at its end", "SESSION_IDLE_TIMEOUT",
			func(f *config.Flags) { f.SessionIdleTimeout = "90m" }, "1h30m"},
		{"a duration keeps a zero between its units", "SESSION_IDLE_TIMEOUT",
			func(f *config.Flags) { f.SessionIdleTimeout = "1h0m5s" }, "1h0m5s"},
		{"ten minutes are 10m", "SESSION_IDLE_TIMEOUT", func(f *config.Flags) { f.SessionIdleTimeout = "10m" },
			"10m"},
		{"a zero duration has a unit", "DRAIN_DELAY", func(f *config.Flags) { f.DrainDelay = "0" }, "0s"},
		{"APP_URL is shown without login, and its query is masked", "APP_URL",
			func(f *config.Flags) { f.AppURL = "https://u:p@h/x?key=y" }, "https://h/x?•••"},
		{"APP_PUBLIC_URL is APP_URL if it is not set", "APP_PUBLIC_URL",
			func(f *config.Flags) { f.AppURL = "http://bot:3000/sms?key=y" }, "http://bot:3000/sms?•••"},
		{"APP_PUBLIC_URL may be our own webhook", "APP_PUBLIC_URL",
			func(f *config.Flags) { f.AppURL, f.AppPublicURL = "http://bot/sms", f.PublicURL+"/sms" },
			"https://sms.example.com/sms"},
		{"each secret of the app is masked", "APP_SECRET", func(f *config.Flags) {
			f.AppURL, f.AppProtocol, f.AppSecret = "http://bot", "JSON", secretOf(24)+", "+secretOf(64)
		}, "•••,•••"},
		{"LOG_LEVEL is in lower case", "LOG_LEVEL", func(f *config.Flags) { f.LogLevel = "WARN" }, "warn"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if got := value(read(t, row.set), row.setting); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func TestSettingsOfDev(t *testing.T) {
	c, err := config.DevFlags{}.Config()
	if err != nil || value(c, "TWILIO_AUTH_TOKEN") != "" || value(c, "REDIS_URL") != "" {
		t.Errorf("got %v, %v", c, err)
	}
}

// TestSettingsCanBeSetAgain sets the values that Settings shows.
func TestSettingsCanBeSetAgain(t *testing.T) {
	first := read(t, func(f *config.Flags) {
		f.RedisURL = "redis+sentinel://[::1]:7000,b/m?tls=true&sentinel_tls=false&db=3&server_name=c&sentinel_username=%26%3D+"
		f.WebhookURL, f.FallbackURL = "https://x.example/in", "https://x.example/sorry"
		f.RedisWaitReplicas, f.RedisConnections = "1", "20"
		f.SessionIdleTimeout, f.RequestBudget, f.LogLevel = "3h30m", "1.5s", "debug"
		f.MaxReplies = "12"
		f.KeepAlive, f.MaxConnections = "90s", "100"
		f.AppURL, f.AppPublicURL, f.AppTimeout = "http://bot/sms", "https://bot.example.com/sms", "400ms"
		f.AppConcurrency, f.AppImportCookies = "7", "true"
	})
	second := read(t, func(f *config.Flags) {
		f.Addr, f.AdminAddr = value(first, "ADDR"), new(value(first, "ADMIN_ADDR"))
		f.PublicURL, f.RedisURL = value(first, "PUBLIC_URL"), value(first, "REDIS_URL")
		f.WebhookURL, f.FallbackURL = value(first, "WEBHOOK_URL"), value(first, "FALLBACK_URL")
		f.RedisPrefix, f.RedisWaitReplicas = value(first, "REDIS_PREFIX"), value(first, "REDIS_WAIT_REPLICAS")
		f.RedisConnections = value(first, "REDIS_CONNECTIONS")
		f.SessionIdleTimeout, f.SessionLifetime = value(first, "SESSION_IDLE_TIMEOUT"), value(first, "SESSION_LIFETIME")
		f.RequestBudget, f.DrainDelay = value(first, "REQUEST_BUDGET"), value(first, "DRAIN_DELAY")
		f.KeepAlive, f.MaxConnections = value(first, "KEEP_ALIVE"), value(first, "MAX_CONNECTIONS")
		f.MaxReplies = value(first, "MAX_REPLIES_PER_MINUTE")
		f.AppURL, f.AppPublicURL = value(first, "APP_URL"), value(first, "APP_PUBLIC_URL")
		f.AppProtocol, f.AppTimeout = value(first, "APP_PROTOCOL"), value(first, "APP_TIMEOUT")
		f.AppConcurrency = value(first, "APP_CONCURRENCY")
		f.AppImportCookies = value(first, "APP_IMPORT_COOKIES")
		f.OptOut, f.Pprof = value(first, "OPT_OUT"), value(first, "PPROF")
		f.LogLevel, f.LogFormat = value(first, "LOG_LEVEL"), value(first, "LOG_FORMAT")
	})
	if first.String() != second.String() {
		t.Errorf("got  %v\nwant %v", second, first)
	}
}

// value returns the value that c shows for a setting.
func value(c config.Config, name string) string {
	for _, setting := range c.Settings() {
		if setting.Name == name {
			return setting.Value
		}
	}
	return "no such setting"
}
