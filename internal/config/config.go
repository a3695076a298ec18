// Package config holds the settings of the service: their names, their
// defaults, and what can be wrong with them.
//
// The command line reads every setting as a string, from the environment
// first and from flags over it, into one of the flag structs here. Their
// Config methods check the strings and return typed values, or all faults at
// once. The package connects to nothing and imports no other package of ours;
// what it reads is the file that a *_FILE setting names, and the certificates
// that REDIS_URL names.
//
// No secret appears in a fault, in Warnings, in Settings, or where a Config is printed or
// logged: faults about a value that may hold one never quote it, and errors of
// other packages that would quote it (url.Parse) are not passed on.
package config

import (
	"log/slog"
	"time"

	"smsession/internal/config/redisurl"
)

// Values of Config.OptOut.
const (
	OptOutDefault  = "default"  // Twilio's own STOP, START and HELP words count, and OptOutType.
	OptOutAdvanced = "advanced" // Only OptOutType counts.
	OptOutOff      = "off"      // Every message is a message.
)

// Values of Config.LogFormat.
const (
	LogJSON = "json"
	LogText = "text"
)

// Config is the checked configuration. It is a plain value: nothing changes it
// after the start, so it may be read concurrently. Printing and logging it is
// safe (see String and LogValue); encoding it by other means is not.
type Config struct {
	// Addr is the public listener, as net.Listen takes it; port 0 picks one.
	Addr string
	// AdminAddr is the private listener; empty means that there is none.
	AdminAddr string
	// AdminHosts are the names that the private listener answers to, beside
	// loopback names and IP addresses: in lower case, without port and
	// trailing dot.
	AdminHosts []string
	// PublicURL is what Twilio has been told, without the route: fragment,
	// user and password and the last slash are dropped, every other byte is
	// kept as configured (also the case of scheme and host), because it is
	// what signatures are made over. Empty for dev, and where it is not
	// needed.
	PublicURL string
	// WebhookURL and FallbackURL are the two URLs that Twilio has been told,
	// without fragment, user and password. Every other byte is kept. Empty
	// where PublicURL is empty and they are not set.
	WebhookURL, FallbackURL string
	// SecureCookie reports whether WebhookURL is https.
	SecureCookie bool
	// AuthTokens are the Twilio auth tokens that a signature may be made
	// with, in the order given: at least one, none empty. None for dev.
	AuthTokens AuthTokens
	// AccountSIDs are the accounts whose messages are accepted; empty for all.
	AccountSIDs []string
	// Redis is where the sessions are. Zero for dev.
	Redis redisurl.URL
	// RedisPrefix begins every key.
	RedisPrefix string
	// WaitReplicas is how many Redis replicas must have a commit before it is
	// answered.
	WaitReplicas int
	// Connections is how many connections to Redis messages may use.
	Connections int
	// IdleTimeout ends a session that has had no message for so long.
	IdleTimeout time.Duration
	// Lifetime ends a session however busy it is. It may be shorter than
	// IdleTimeout: then it is simply the earlier end.
	Lifetime time.Duration
	// RequestBudget is how long one message may wait for Redis.
	RequestBudget time.Duration
	// KeepAlive is how long a connection of the public listener may be idle.
	KeepAlive time.Duration
	// MaxConnections is how many connections the public listener may have.
	MaxConnections int
	// MaxReplies is how many replies a conversation may get in a minute; 0
	// for any number.
	MaxReplies int
	// DrainDelay is how long the service still serves after SIGTERM.
	DrainDelay time.Duration
	// OptOut is one of OptOutDefault, OptOutAdvanced and OptOutOff.
	OptOut string
	// LogLevel is the lowest level that is logged.
	LogLevel slog.Level
	// LogFormat is LogJSON or LogText.
	LogFormat string
	// Pprof says that the private listener serves /debug/pprof.
	Pprof bool
}

// Defaults returns what the settings of the service are when they are not set.
// Settings without a default are zero in it.
func Defaults() Config {
	return Config{
		Addr:           ":8080",
		AdminAddr:      "127.0.0.1:9464",
		RedisPrefix:    "sms:",
		Connections:    64,
		IdleTimeout:    4 * time.Hour,
		Lifetime:       720 * time.Hour, // 30 days
		RequestBudget:  10 * time.Second,
		KeepAlive:      650 * time.Second, // longer than the longest fixed time of a balancer, Google's 600 s
		MaxConnections: 8192,
		DrainDelay:     5 * time.Second,
		OptOut:         OptOutDefault,
		LogLevel:       slog.LevelInfo,
		LogFormat:      LogJSON,
	}
}

// DevDefaults returns the defaults of dev: those of the service, except that
// only this host reaches it, that it stops at once, and that its log is for
// eyes.
func DevDefaults() Config {
	c := Defaults()
	c.Addr = "127.0.0.1:8080"
	c.DrainDelay = 0
	c.LogFormat = LogText
	return c
}
