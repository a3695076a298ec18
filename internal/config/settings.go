package config

import (
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"smsession/internal/config/redisurl"
	"smsession/internal/hostname"
	"smsession/internal/logging"
	"smsession/internal/terminal"
	"smsession/internal/twilio"
)

// setting is how one setting is parsed and shown.
type setting struct {
	name  string
	parse func(text string) error // sets a field of the Config
	show  func() string           // returns the field as text, with secrets masked; nil if the setting is not shown
	lines bool                    // whether its file may have a value on each line, in place of commas
}

func (s setting) withLines() setting {
	s.lines = true
	return s
}

// parseFile parses the content of the setting's file.
func (s setting) parseFile(text string) error {
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' })
	if len(lines) > 1 && !s.lines {
		return errors.New("the file has more than one line")
	}
	return s.parse(strings.Join(lines, ","))
}

// settings returns all settings of the service, in the order of the documentation. They parse into c and show c.
func (c *Config) settings() []setting {
	return []setting{
		{name: "PORT", parse: field("", &c.Addr, withHost(hostname.Of(c.Addr)), verbatim).parse}, // shown as a part of ADDR
		field("ADDR", &c.Addr, parseHostPort, verbatim),
		field("ADMIN_ADDR", &c.AdminAddr, parseHostPort, verbatim),
		field("ADMIN_HOSTS", &c.AdminHosts, parseHostNames, joined),
		field("PUBLIC_URL", &c.PublicURL, parsePublicURL, URL.String),
		field("WEBHOOK_URL", &c.WebhookURL, ParseURL, URL.String),
		field("FALLBACK_URL", &c.FallbackURL, ParseURL, URL.String),
		field("TWILIO_AUTH_TOKEN", &c.AuthTokens, twilio.ParseTokens, twilio.Tokens.String).withLines(),
		field("TWILIO_ACCOUNT_SID", &c.AccountSIDs, parseAccountSIDs, joined),
		field("REDIS_URL", &c.Redis, parseRedisURL, redisurl.URL.String),
		field("REDIS_PREFIX", &c.RedisPrefix, parsePrefix, verbatim),
		field("REDIS_WAIT_REPLICAS", &c.WaitReplicas, wholeNumber(0, 100), strconv.Itoa),
		field("REDIS_CONNECTIONS", &c.Connections, wholeNumber(1, 4096), strconv.Itoa), // Redis allows 10,000 clients by default
		field("SESSION_IDLE_TIMEOUT", &c.IdleTimeout, duration(time.Millisecond, 720*time.Hour, "such as 4h or 90m"), terminal.Duration),
		field("SESSION_LIFETIME", &c.Lifetime, duration(time.Millisecond, 8760*time.Hour, "such as 720h or 12h30m"), terminal.Duration),
		field("REQUEST_BUDGET", &c.RequestBudget, duration(100*time.Millisecond, 12*time.Second,
			"such as 10s or 2500ms; Twilio waits 15s, and the last attempt may end after the budget"), terminal.Duration),
		field("KEEP_ALIVE", &c.KeepAlive, duration(time.Second, 24*time.Hour, "such as 650s or 2m"), terminal.Duration),
		field("MAX_CONNECTIONS", &c.MaxConnections, wholeNumber(16, 1_000_000), strconv.Itoa),
		field("DRAIN_DELAY", &c.DrainDelay, duration(0, 5*time.Minute, "such as 5s or 0s"), terminal.Duration),
		field("MAX_REPLIES_PER_MINUTE", &c.MaxReplies, wholeNumber(0, 60), strconv.Itoa), // a record has 21 bytes for each
		field("OPT_OUT", &c.OptOut, oneOf(twilio.OptOutDefault, twilio.OptOutAdvanced, twilio.OptOutOff), verbatim),
		field("LOG_LEVEL", &c.LogLevel, parseLevel, formatLevel),
		field("LOG_FORMAT", &c.LogFormat, oneOf(logging.JSON, logging.Text), verbatim),
		field("PPROF", &c.Pprof, parseBool, strconv.FormatBool),
	}
}

// field returns the setting of one field. An empty text turns the setting off. A field that cannot be parsed keeps its value.
func field[T any](name string, target *T, parse func(string) (T, error), show func(T) string) setting {
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
	return setting{name: name, parse: set, show: func() string { return show(*target) }}
}

// Setting is an effective setting, to be shown.
type Setting struct {
	Name  string // in the environment
	Value string // as it could be set again, with secrets masked; "" if it is not set or turned off
}

// Settings returns all settings of the service, in the order of the documentation. PORT is a part of ADDR, and a *_FILE is
// shown as the setting that the file contains.
func (c Config) Settings() []Setting {
	var shown []Setting
	for _, s := range c.settings() {
		if s.show != nil {
			shown = append(shown, Setting{s.name, s.show()})
		}
	}
	return shown
}

// String returns the settings in one line, with secrets masked.
func (c Config) String() string {
	var words []string
	for _, s := range c.Settings() {
		words = append(words, s.Name+"="+strconv.Quote(s.Value))
	}
	return strings.Join(words, " ")
}

// LogValue returns the result of String, so that a logged Config shows no secret.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }
