package config

import (
	"fmt"
	"log/slog"
	"time"

	"smsession/internal/hostname"
	"smsession/internal/logging"
	"smsession/internal/twilio"
	"smsession/internal/weburl"
)

// setting is how one setting is parsed and shown.
type setting struct {
	name  string
	parse func(text string) error // sets the field of the Config; an empty text turns the setting off
	show  func() string           // returns the field as text, with secrets masked
}

// settings returns all settings of the service, in the order of the documentation. They parse into c and show c.
func (c *Config) settings() []setting {
	return []setting{
		field("PORT", &c.Addr, portAt(hostname.Of(c.Addr))),
		field("ADDR", &c.Addr, parseHostPort),
		field("ADMIN_ADDR", &c.AdminAddr, parseHostPort),
		field("ADMIN_HOSTS", &c.AdminHosts, parseHostNames),
		field("PUBLIC_URL", &c.PublicURL, parsePublicURL),
		field("WEBHOOK_URL", &c.WebhookURL, parseURL),
		field("FALLBACK_URL", &c.FallbackURL, parseURL),
		field("TWILIO_AUTH_TOKEN", &c.AuthTokens, twilio.ParseTokens),
		field("TWILIO_ACCOUNT_SID", &c.AccountSIDs, parseAccountSIDs),
		field("REDIS_URL", &c.Redis, parseRedisURL),
		field("REDIS_PREFIX", &c.RedisPrefix, parsePrefix),
		field("REDIS_WAIT_REPLICAS", &c.WaitReplicas, wholeNumber(0, 100)),
		field("REDIS_CONNECTIONS", &c.Connections, wholeNumber(1, 4096)), // Redis allows 10,000 clients by default
		field("SESSION_IDLE_TIMEOUT", &c.IdleTimeout, durationOf(time.Millisecond, 720*time.Hour, "such as 4h or 90m")),
		field("SESSION_LIFETIME", &c.Lifetime, durationOf(time.Millisecond, 8760*time.Hour, "such as 720h or 12h30m")),
		field("REQUEST_BUDGET", &c.RequestBudget, durationOf(100*time.Millisecond, 12*time.Second,
			"such as 10s or 2500ms; Twilio waits 15s, and the last attempt may end after the budget")),
		field("KEEP_ALIVE", &c.KeepAlive, durationOf(time.Second, 24*time.Hour, "such as 650s or 2m")),
		field("MAX_CONNECTIONS", &c.MaxConnections, wholeNumber(16, 1_000_000)),
		field("DRAIN_DELAY", &c.DrainDelay, durationOf(0, 5*time.Minute, "such as 5s or 0s")),
		field("MAX_REPLIES_PER_MINUTE", &c.MaxReplies, wholeNumber(0, 60)), // a record has 21 bytes for each reply
		field("OPT_OUT", &c.OptOut, oneOf(twilio.OptOutDefault, twilio.OptOutAdvanced, twilio.OptOutOff)),
		urlField("APP_URL", &c.App.URL),
		field("APP_PROTOCOL", &c.App.Protocol, oneOf(AppTwilio, AppJSON)),
		urlField("APP_PUBLIC_URL", &c.App.PublicURL),
		field("APP_TIMEOUT", &c.App.Timeout, durationOf(100*time.Millisecond, 11*time.Second,
			"such as 8s or 2500ms; REQUEST_BUDGET is at most 12s, and 1s of it is kept for the commit")),
		field("APP_CONCURRENCY", &c.App.Concurrency, wholeNumber(1, 4096)), // the most messages in progress
		field("APP_IMPORT_COOKIES", &c.App.ImportCookies, oneOf(true, false)),
		field("APP_SECRET", &c.App.Secrets, parseAppSecrets),
		field("LOG_LEVEL", &c.LogLevel, oneOf(slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError)),
		field("LOG_FORMAT", &c.LogFormat, oneOf(logging.JSON, logging.Text)),
		field("PPROF", &c.Pprof, oneOf(true, false)),
	}
}

// field returns the setting of one field. If the text cannot be parsed, the field keeps its value.
func field[T any](name string, target *T, parse func(string) (T, error)) setting {
	set := func(text string) (err error) {
		var value T
		if text != "" {
			value, err = parse(text)
		}
		if err == nil {
			*target = value
		}
		return err
	}
	return setting{name, set, func() string { return format(*target) }}
}

// urlField returns the setting of a URL of the app. It is shown without its login and with its query masked.
func urlField(name string, target *weburl.URL) setting {
	s := field(name, target, parseAppURL)
	s.show = func() string { return target.Concealed() }
	return s
}

// Setting is an effective setting as text.
type Setting struct {
	Name  string // in the environment
	Value string // as it could be set again, with secrets masked; "" if it is not set or turned off
}

// Settings returns all settings of the service, in the order of the documentation. PORT is a part of ADDR, and a *_FILE
// is shown as the setting that the file contains.
func (c Config) Settings() []Setting {
	var shown []Setting
	for _, s := range c.settings() {
		if s.name != "PORT" {
			shown = append(shown, Setting{s.name, s.show()})
		}
	}
	return shown
}

// String returns the names and values of Settings in one line.
func (c Config) String() string { return fmt.Sprint(c.Settings()) }

// LogValue returns the result of String, so that a logged Config shows no secret.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }
