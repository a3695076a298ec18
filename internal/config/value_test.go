package config_test

import (
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"smsession/internal/config"
	"smsession/internal/logging"
	"smsession/internal/twilio"
)

func TestValues(t *testing.T) {
	rows := []struct {
		name string
		set  func(*config.Flags)
		want func(*config.Config)
	}{
		{"TWILIO_ACCOUNT_SID is AC and 32 hexadecimal digits in any case",
			func(f *config.Flags) {
				f.TwilioAccountSID = " " +
					sid
			}, func(c *config.Config) { c.AccountSIDs = []string{sid} }},
		{"TWILIO_ACCOUNT_SID may name several accounts",
			func(f *config.Flags) {
				f.TwilioAccountSID = sid + " ,\t" +
					otherSID
			}, func(c *config.Config) { c.AccountSIDs = []string{sid, otherSID} }},
		{"REDIS_PREFIX may have 64 bytes of printable ASCII",
			func(f *config.Flags) {
				f.RedisPrefix = `!"#$%&'()+,-./0123456789:;<=>@ABCDEFGHIJKLMNOPQRSTUVWXYZ^_` + "`abcd"
			},
			func(c *config.Config) {
				c.RedisPrefix = `!"#$%&'()+,-./0123456789:;<=>@ABCDEFGHIJKLMNOPQRSTUVWXYZ^_` + "`abcd"
			}},
		{"a blank REDIS_PREFIX is not set", func(f *config.Flags) { f.RedisPrefix = " " }, func(*config.Config) {}},
		{"REDIS_WAIT_REPLICAS may be set to its default", func(f *config.Flags) { f.RedisWaitReplicas = " 0 " },
			func(*config.Config) {}},
		{"REDIS_WAIT_REPLICAS is a number", func(f *config.Flags) { f.RedisWaitReplicas = "2" },
			func(c *config.Config) { c.WaitReplicas = 2 }},
		{"REDIS_CONNECTIONS may be 1", func(f *config.Flags) { f.RedisConnections = " 1 " },
			func(c *config.Config) { c.Connections = 1 }},
		{"REDIS_CONNECTIONS may be 4096", func(f *config.Flags) { f.RedisConnections = "4096" },
			func(c *config.Config) { c.Connections = 4096 }},
		{"SESSION_IDLE_TIMEOUT may be 1ms",
			func(f *config.Flags) { f.SessionIdleTimeout = "1ms" }, func(c *config.Config) {
				c.IdleTimeout = time.Millisecond
			}},
		{"SESSION_IDLE_TIMEOUT may be 30 days",
			func(f *config.Flags) { f.SessionIdleTimeout = "720h" }, func(c *config.Config) {
				c.IdleTimeout = 720 * time.Hour
			}},
		{"SESSION_LIFETIME may be below the idle timeout",
			func(f *config.Flags) { f.SessionLifetime = "1ms" }, func(c *config.Config) {
				c.Lifetime = time.Millisecond
			}},
		{"SESSION_LIFETIME may be a year",
			func(f *config.Flags) { f.SessionLifetime = "8760h" }, func(c *config.Config) {
				c.Lifetime = 8760 * time.Hour
			}},
		{"REQUEST_BUDGET may be 100ms",
			func(f *config.Flags) { f.RequestBudget = "100ms" }, func(c *config.Config) {
				c.RequestBudget = 100 * time.Millisecond
			}},
		{"REQUEST_BUDGET may be 12s",
			func(f *config.Flags) { f.RequestBudget = "12s" }, func(c *config.Config) {
				c.RequestBudget = 12 * time.Second
			}},
		{"KEEP_ALIVE may be 1s", func(f *config.Flags) { f.KeepAlive = "1s" },
			func(c *config.Config) { c.KeepAlive = time.Second }},
		{"KEEP_ALIVE may be a day", func(f *config.Flags) { f.KeepAlive = "24h" },
			func(c *config.Config) { c.KeepAlive = 24 * time.Hour }},
		{"MAX_CONNECTIONS may be 16", func(f *config.Flags) { f.MaxConnections = "16" },
			func(c *config.Config) { c.MaxConnections = 16 }},
		{"MAX_CONNECTIONS may be a million",
			func(f *config.Flags) { f.MaxConnections = " 1000000 " }, func(c *config.Config) {
				c.MaxConnections = 1_000_000
			}},
		{"DRAIN_DELAY may be 0", func(f *config.Flags) { f.DrainDelay = "0" },
			func(c *config.Config) { c.DrainDelay = 0 }},
		{"DRAIN_DELAY may be 5m", func(f *config.Flags) { f.DrainDelay = "5m" },
			func(c *config.Config) { c.DrainDelay = 5 * time.Minute }},
		{"MAX_REPLIES_PER_MINUTE may be 1", func(f *config.Flags) { f.MaxReplies = "1" },
			func(c *config.Config) { c.MaxReplies = 1 }},
		{"MAX_REPLIES_PER_MINUTE may be 60", func(f *config.Flags) { f.MaxReplies = " 60 " },
			func(c *config.Config) { c.MaxReplies = 60 }},
		{"MAX_REPLIES_PER_MINUTE may be 0", func(f *config.Flags) { f.MaxReplies = "0" },
			func(c *config.Config) { c.MaxReplies = 0 }},
		{"OPT_OUT may be advanced", func(f *config.Flags) { f.OptOut = "advanced" },
			func(c *config.Config) { c.OptOut = twilio.OptOutAdvanced }},
		{"OPT_OUT may be off", func(f *config.Flags) { f.OptOut = "off" },
			func(c *config.Config) { c.OptOut = twilio.OptOutOff }},
		{"LOG_LEVEL may be debug", func(f *config.Flags) { f.LogLevel = "debug" },
			func(c *config.Config) { c.LogLevel = slog.LevelDebug }},
		{"LOG_LEVEL may be warn", func(f *config.Flags) { f.LogLevel = "warn" },
			func(c *config.Config) { c.LogLevel = slog.LevelWarn }},
		{"LOG_LEVEL may be in any case", func(f *config.Flags) { f.LogLevel = " ERROR" },
			func(c *config.Config) { c.LogLevel = slog.LevelError }},
		{"LOG_FORMAT may be text", func(f *config.Flags) { f.LogFormat = "text" },
			func(c *config.Config) { c.LogFormat = logging.Text }},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			want := read(t, func(*config.Flags) {})
			row.want(&want)
			if got := read(t, row.set); !reflect.DeepEqual(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
		})
	}
}

func TestPrefixFaults(t *testing.T) {
	const want = "REDIS_PREFIX (--redis-prefix): the prefix must be at most 64 bytes of printable ASCII, without spaces or any of { } * ? [ ] \\"
	var rows []faultRow
	for _, prefix := range []string{"a b", "a{b", "a}b", "a*", "a?", "a[", "a]", `a\`, "ü:", "a\x00", "a\x7f"} {
		rows = append(rows, faultRow{"REDIS_PREFIX is not " + prefix, func(f *config.Flags) { f.RedisPrefix = prefix },
			want})
	}
	checkFaults(t, append(rows, faultRow{"REDIS_PREFIX has at most 64 bytes",
		func(f *config.Flags) { f.RedisPrefix = strings.Repeat("x", 65) }, want}))
}

func TestNumberFaults(t *testing.T) {
	connections := func(value string) func(*config.Flags) {
		return func(f *config.Flags) { f.RedisConnections = value }
	}
	replicas := func(value string) func(*config.Flags) { return func(f *config.Flags) { f.RedisWaitReplicas = value } }
	replies := func(value string) func(*config.Flags) { return func(f *config.Flags) { f.MaxReplies = value } }
	most := func(value string) func(*config.Flags) { return func(f *config.Flags) { f.MaxConnections = value } }
	const (
		connectionsName, connectionsRange = "REDIS_CONNECTIONS (--redis-connections): ",
			" is not a whole number from 1 to 4096"
		replicasName, replicasRange = "REDIS_WAIT_REPLICAS (--redis-wait-replicas): ",
			" is not a whole number from 0 to 100"
		repliesName, repliesRange = "MAX_REPLIES_PER_MINUTE (--max-replies-per-minute): ",
			" is not a whole number from 0 to 60"
		mostName, mostRange = "MAX_CONNECTIONS (--max-connections): ",
			" is not a whole number from 16 to 1000000"
	)
	checkFaults(t, []faultRow{
		{"REDIS_CONNECTIONS must be a number", connections("many"), connectionsName + `"many"` + connectionsRange},
		{"REDIS_CONNECTIONS must not be 0", connections("0"), connectionsName + `"0"` + connectionsRange},
		{"REDIS_CONNECTIONS must be at most 4096", connections("4097"), connectionsName + `"4097"` + connectionsRange},
		{"REDIS_WAIT_REPLICAS must be a number", replicas("all"), replicasName + `"all"` + replicasRange},
		{"REDIS_WAIT_REPLICAS must not be negative", replicas("-1"), replicasName + `"-1"` + replicasRange},
		{"REDIS_WAIT_REPLICAS must be at most 100", replicas("101"), replicasName + `"101"` + replicasRange},
		{"MAX_REPLIES_PER_MINUTE must be a number", replies("many"), repliesName + `"many"` + repliesRange},
		{"MAX_REPLIES_PER_MINUTE must not be negative", replies("-1"), repliesName + `"-1"` + repliesRange},
		{"MAX_REPLIES_PER_MINUTE must be a whole number", replies("1.5"), repliesName + `"1.5"` + repliesRange},
		{"MAX_REPLIES_PER_MINUTE must be at most 60", replies("61"), repliesName + `"61"` + repliesRange},
		{"MAX_CONNECTIONS must be a number", most("many"), mostName + `"many"` + mostRange},
		{"MAX_CONNECTIONS must be at least 16", most("15"), mostName + `"15"` + mostRange},
		{"MAX_CONNECTIONS must be at most a million", most("1000001"), mostName + `"1000001"` + mostRange},
	})
}

func TestWordFaults(t *testing.T) {
	checkFaults(t, []faultRow{
		{"OPT_OUT must be one of three words", func(f *config.Flags) { f.OptOut = "on" },
			`OPT_OUT (--opt-out): "on" is not one of: default, advanced, off`},
		{"LOG_LEVEL must be one of four words", func(f *config.Flags) { f.LogLevel = "info+1" },
			`LOG_LEVEL (--log-level): "info+1" is not one of: debug, info, warn, error`},
		{"LOG_FORMAT must be one of two words", func(f *config.Flags) { f.LogFormat = "xml" },
			`LOG_FORMAT (--log-format): "xml" is not one of: json, text`},
		{"a long value is not quoted", func(f *config.Flags) { f.LogLevel = token },
			`LOG_LEVEL (--log-level): the value is not one of: debug, info, warn, error`},
	})
}

func TestDurationFaults(t *testing.T) {
	idle := func(value string) func(*config.Flags) {
		return func(f *config.Flags) { f.SessionIdleTimeout = value }
	}
	lifetime := func(value string) func(*config.Flags) {
		return func(f *config.Flags) { f.SessionLifetime = value }
	}
	budget := func(value string) func(*config.Flags) {
		return func(f *config.Flags) { f.RequestBudget = value }
	}
	drain := func(value string) func(*config.Flags) { return func(f *config.Flags) { f.DrainDelay = value } }
	keep := func(value string) func(*config.Flags) { return func(f *config.Flags) { f.KeepAlive = value } }
	const (
		idleRange     = " is not a duration from 1ms to 720h, such as 4h or 90m"
		lifetimeRange = " is not a duration from 1ms to 8760h, such as 720h or 12h30m"
		budgetRange   = " is not a duration from 100ms to 12s, such as 10s or 2500ms; Twilio waits 15s, and the last attempt may end after the budget"
		keepRange     = " is not a duration from 1s to 24h, such as 650s or 2m"
		drainRange    = " is not a duration from 0s to 5m, such as 5s or 0s"
		idleName      = "SESSION_IDLE_TIMEOUT (--session-idle-timeout): "
		lifetimeName  = "SESSION_LIFETIME (--session-lifetime): "
		budgetName    = "REQUEST_BUDGET (--request-budget): "
		drainName     = "DRAIN_DELAY (--drain-delay): "
		keepName      = "KEEP_ALIVE (--keep-alive): "
	)
	checkFaults(t, []faultRow{
		{"a duration must have a unit", idle("4"), idleName + `"4"` + idleRange},
		{"a duration must not contain words", idle("4 hours"), idleName + `"4 hours"` + idleRange},
		{"days are not a unit", lifetime("30d"), lifetimeName + `"30d"` + lifetimeRange},
		{"a duration does not overflow", lifetime("9999999h"), lifetimeName + `"9999999h"` + lifetimeRange},
		{"the idle timeout must not be 0", idle("0"), idleName + `"0"` + idleRange},
		{"the idle timeout must not be negative", idle("-4h"), idleName + `"-4h"` + idleRange},
		{"the idle timeout must be at least 1ms", idle("999us"), idleName + `"999us"` + idleRange},
		{"the idle timeout must be at most 30 days", idle("720h1s"), idleName + `"720h1s"` + idleRange},
		{"the lifetime must be at least 1ms", lifetime("0s"), lifetimeName + `"0s"` + lifetimeRange},
		{"the lifetime must be at most a year", lifetime("8761h"), lifetimeName + `"8761h"` + lifetimeRange},
		{"the budget must be at least 100ms", budget("99ms"), budgetName + `"99ms"` + budgetRange},
		{"the budget must be at most 12s", budget("13s"), budgetName + `"13s"` + budgetRange},
		{"KEEP_ALIVE must be at least 1s", keep("999ms"), keepName + `"999ms"` + keepRange},
		{"KEEP_ALIVE must be at most a day", keep("24h1s"), keepName + `"24h1s"` + keepRange},
		{"the drain delay must not be negative", drain("-1s"), drainName + `"-1s"` + drainRange},
		{"the drain delay must be at most 5m", drain("5m1s"), drainName + `"5m1s"` + drainRange},
	})
}
