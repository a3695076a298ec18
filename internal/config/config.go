// Package config has the settings of the service: their names, their types and their defaults.
//
// kong reads each setting as a string into one of the flag structs. A flag takes precedence over the environment. The
// Config method of the struct parses each string once into its type. It returns the settings, or all faults at once.
//
// The strings are not parsed by kong's own types, because kong stops at the first value that it cannot parse, and its
// error quotes the value, which may be a secret.
//
// No secret appears in a fault, in a warning, in Settings, or where a Config is printed or logged.
//
// The types of the settings come from the packages that use them: redisurl, twilio, weburl, logging. hostname checks
// names of hosts, and duration writes durations. The package imports none of our other packages, and no driver.
package config

import (
	"cmp"
	"log/slog"
	"time"

	"smsession/internal/config/redisurl"
	"smsession/internal/logging"
	"smsession/internal/twilio"
	"smsession/internal/weburl"
)

// Config has the settings. It is a value that does not change after the start, so it may be read concurrently. It may
// be printed and logged. Any other encoding, such as JSON, would show its secrets.
type Config struct {
	Addr       string   // the host:port of the public listener
	AdminAddr  string   // the host:port of the private listener; "" if there is none
	AdminHosts []string // names that the private listener answers to, in the form of hostname.Of
	Pprof      bool     // whether the private listener serves /debug/pprof

	WebhookURL, FallbackURL weburl.URL // the URLs that Twilio is configured with
	PublicURL               weburl.URL // their part without our routes; zero if it is not set
	AuthTokens              twilio.Tokens
	AccountSIDs             []string // the accounts whose messages are accepted; empty for all

	Redis        redisurl.URL
	RedisPrefix  string // begins every key
	WaitReplicas int    // how many Redis replicas must have a commit before the message is answered
	Connections  int    // how many messages may use Redis at the same time

	IdleTimeout    time.Duration // how long after its last message a session ends
	Lifetime       time.Duration // how long after its first message a session ends; may be shorter than IdleTimeout
	RequestBudget  time.Duration // how long one message may wait for Redis, for its turn and for the app
	KeepAlive      time.Duration // how long a connection of the public listener may be idle
	MaxConnections int           // of the public listener
	MaxReplies     int           // how many replies a conversation may get in a minute; 0 for any number
	DrainDelay     time.Duration // how long the service still serves after SIGTERM
	OptOut         twilio.OptOutMode

	App App // the team's own app; zero if the tutorial's counter answers

	LogLevel  slog.Level // the lowest level that is logged
	LogFormat logging.Format
}

// Defaults returns the settings of the service that are used if nothing is set. Settings without a default are zero.
func Defaults() Config {
	return Config{
		Addr:          ":8080",
		AdminAddr:     "127.0.0.1:9464",
		RedisPrefix:   "sms:",
		Connections:   64,
		IdleTimeout:   4 * time.Hour,
		Lifetime:      720 * time.Hour, // 30 days
		RequestBudget: 10 * time.Second,
		// longer than the longest fixed keep-alive of a load balancer: Google's 600 s
		KeepAlive:      650 * time.Second,
		MaxConnections: 8192,
		DrainDelay:     5 * time.Second,
		OptOut:         twilio.OptOutDefault,
		App:            App{Protocol: AppTwilio, Timeout: 8 * time.Second, Concurrency: 256},
		LogLevel:       slog.LevelInfo,
		LogFormat:      logging.JSON,
	}
}

// DevDefaults returns the defaults of dev. They are those of the service, except that only this host can reach the
// public listener, that dev stops without a delay, and that its log is text.
func DevDefaults() Config {
	c := Defaults()
	c.Addr = "127.0.0.1" + c.Addr
	c.DrainDelay = 0
	c.LogFormat = logging.Text
	return c
}

// WithPublicURL returns c with another PublicURL. If WebhookURL or FallbackURL is zero, it becomes our route below u.
func (c Config) WithPublicURL(u weburl.URL) Config {
	c.PublicURL = u
	c.WebhookURL = cmp.Or(c.WebhookURL, u.Append(weburl.WebhookPath))
	c.FallbackURL = cmp.Or(c.FallbackURL, u.Append(weburl.FallbackPath))
	return c
}
