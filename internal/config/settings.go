package config

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"smsession/internal/config/redisurl"
)

// Setting is one effective setting, to be shown.
type Setting struct {
	// Name is its name in the environment, Flag the one on the command line
	// with its dashes.
	Name, Flag string
	// Value is the value as it could be set again, but with the secrets in it
	// masked. Empty means not set, or turned off.
	Value string
	// Secret says that the setting is one whose value is masked.
	Secret bool
}

// Settings returns all settings of the service with their effective values,
// secrets masked, in the order of the documentation. PORT has become a part of
// ADDR, and a *_FILE has become what it holds.
func (c Config) Settings() []Setting {
	return []Setting{
		shown("ADDR", c.Addr),
		shown("ADMIN_ADDR", c.AdminAddr),
		shown("ADMIN_HOSTS", strings.Join(c.AdminHosts, ",")),
		shown(publicURL, c.PublicURL),
		shown(webhookURL, c.WebhookURL),
		shown(fallbackURL, c.FallbackURL),
		masked("TWILIO_AUTH_TOKEN", maskTokens(c.AuthTokens)),
		shown("TWILIO_ACCOUNT_SID", strings.Join(c.AccountSIDs, ",")),
		masked("REDIS_URL", c.Redis.String()),
		shown("REDIS_PREFIX", c.RedisPrefix),
		shown("REDIS_WAIT_REPLICAS", strconv.Itoa(c.WaitReplicas)),
		shown("REDIS_CONNECTIONS", strconv.Itoa(c.Connections)),
		shown("SESSION_IDLE_TIMEOUT", formatDuration(c.IdleTimeout)),
		shown("SESSION_LIFETIME", formatDuration(c.Lifetime)),
		shown("REQUEST_BUDGET", formatDuration(c.RequestBudget)),
		shown("KEEP_ALIVE", formatDuration(c.KeepAlive)),
		shown("MAX_CONNECTIONS", strconv.Itoa(c.MaxConnections)),
		shown("DRAIN_DELAY", formatDuration(c.DrainDelay)),
		shown("MAX_REPLIES_PER_MINUTE", strconv.Itoa(c.MaxReplies)),
		shown("OPT_OUT", c.OptOut),
		shown("LOG_LEVEL", levelName(c.LogLevel)),
		shown("LOG_FORMAT", c.LogFormat),
		shown("PPROF", strconv.FormatBool(c.Pprof)),
	}
}

// String is Settings in one line, so that printing a Config shows no secret.
func (c Config) String() string {
	var line strings.Builder
	for i, setting := range c.Settings() {
		if i > 0 {
			line.WriteByte(' ')
		}
		fmt.Fprintf(&line, "%s=%q", setting.Name, setting.Value)
	}
	return line.String()
}

// LogValue is Settings as a group, so that logging a Config shows no secret.
func (c Config) LogValue() slog.Value {
	var attrs []slog.Attr
	for _, setting := range c.Settings() {
		attrs = append(attrs, slog.String(strings.ToLower(setting.Name), setting.Value))
	}
	return slog.GroupValue(attrs...)
}

func shown(name, value string) Setting {
	return Setting{Name: name, Flag: "--" + flagName(name), Value: value}
}

func masked(name, value string) Setting {
	setting := shown(name, value)
	setting.Secret = true
	return setting
}

// maskTokens tells how many tokens there are, which matters in a rotation.
func maskTokens(tokens AuthTokens) string {
	switch len(tokens) {
	case 0:
		return ""
	case 1:
		return redisurl.Mask + " (1 token)"
	}
	return fmt.Sprintf("%s (%d tokens)", redisurl.Mask, len(tokens))
}
