package config

import (
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"
)

// session checks how long a session lives.
func (c *checker) session(f SessionFlags) {
	c.duration(f.SessionIdleTimeout, &c.config.IdleTimeout, durationRule{
		name: "SESSION_IDLE_TIMEOUT", example: "4h or 90m",
		least: time.Millisecond, // Redis expires keys by the millisecond
		most:  720 * time.Hour,  // 30 days
	})
	c.duration(f.SessionLifetime, &c.config.Lifetime, durationRule{
		name: "SESSION_LIFETIME", example: "720h or 12h30m",
		least: time.Millisecond,
		most:  8760 * time.Hour, // a year
	})
}

// service checks how messages are served.
func (c *checker) service(f ServiceFlags) {
	c.duration(f.RequestBudget, &c.config.RequestBudget, durationRule{
		name: "REQUEST_BUDGET", example: "10s or 2500ms",
		least: 100 * time.Millisecond,
		most:  12 * time.Second,
		why:   "Twilio waits 15s, and the last try and the answer come after it",
	})
	c.duration(f.KeepAlive, &c.config.KeepAlive, durationRule{
		name: "KEEP_ALIVE", example: "650s or 2m",
		least: time.Second,
		most:  24 * time.Hour,
	})
	c.count(f.MaxConnections, &c.config.MaxConnections, "MAX_CONNECTIONS", 16, 1_000_000)
	c.duration(f.DrainDelay, &c.config.DrainDelay, durationRule{
		name: "DRAIN_DELAY", example: "5s or 0s",
		most: 5 * time.Minute,
	})
	c.count(f.MaxReplies, &c.config.MaxReplies, "MAX_REPLIES_PER_MINUTE", 0, 60) // a record keeps the times of so many, 21 bytes each
	c.choice("OPT_OUT", f.OptOut, &c.config.OptOut, OptOutDefault, OptOutAdvanced, OptOutOff)
}

// count puts a whole number into target, if it is set.
func (c *checker) count(value string, target *int, name string, least, most int) {
	value = strings.TrimSpace(value)
	if value == "" {
		return
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < least || n > most {
		c.fault(name, "%s is not a whole number from %d to %d", quote(value), least, most)
		return
	}
	*target = n
}

// log checks what is logged.
func (c *checker) log(f LogFlags) {
	level := levelName(c.config.LogLevel)
	c.choice("LOG_LEVEL", f.LogLevel, &level, "debug", "info", "warn", "error")
	// One of the four always parses, so the error has nothing to say.
	_ = c.config.LogLevel.UnmarshalText([]byte(level))
	c.choice("LOG_FORMAT", f.LogFormat, &c.config.LogFormat, LogJSON, LogText)
}

// durationRule says what a duration may be.
type durationRule struct {
	name, example string
	least, most   time.Duration
	why           string // the reason for most, where it is not plain
}

// duration puts value into target, if it is set.
func (c *checker) duration(value string, target *time.Duration, rule durationRule) {
	value = strings.TrimSpace(value)
	if value == "" {
		return
	}
	d, err := time.ParseDuration(value)
	switch {
	case err != nil:
		c.fault(rule.name, "%s is not a duration, such as %s", quote(value), rule.example)
	case d < rule.least:
		c.fault(rule.name, "%s is too short: it must be at least %s", quote(value), formatDuration(rule.least))
	case d > rule.most && rule.why != "":
		c.fault(rule.name, "%s is too long: it must be at most %s, because %s", quote(value), formatDuration(rule.most), rule.why)
	case d > rule.most:
		c.fault(rule.name, "%s is too long: it must be at most %s", quote(value), formatDuration(rule.most))
	default:
		*target = d
	}
}

// choice puts value into target, if it is set. Its case does not matter.
func (c *checker) choice(name, value string, target *string, choices ...string) {
	value = strings.TrimSpace(value)
	if value == "" {
		return
	}
	if chosen := strings.ToLower(value); slices.Contains(choices, chosen) {
		*target = chosen
		return
	}
	c.fault(name, "%s is none of: %s", quote(value), strings.Join(choices, ", "))
}

// levelName returns the name of level as LOG_LEVEL has it.
func levelName(level slog.Level) string {
	return strings.ToLower(level.String())
}

// formatDuration is Duration.String without the zero units at its end: 4h, not
// 4h0m0s. Below an hour, seconds stay seconds: 650s.
// time.ParseDuration reads it back.
func formatDuration(d time.Duration) string {
	if d < time.Hour && d%time.Second == 0 && d%time.Minute != 0 {
		return strconv.Itoa(int(d/time.Second)) + "s"
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
