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
)

const (
	token = "0123456789abcdef0123456789abcdef"
	sid   = "ACaBcdef0123456789abcdef0123456789"

	otherSID = "AC00000000000000000000000000000002"
)

// required returns flags with what has no default, and nothing else.
func required() config.Flags {
	var f config.Flags
	f.PublicURL = "https://sms.example.com"
	f.TwilioAuthToken = token
	f.RedisURL = "redis://redis"
	return f
}

// read is Flags.Config after one change to the required flags.
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

func parseURL(t *testing.T, text string) config.URL {
	t.Helper()
	u, err := config.ParseURL(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
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
		Addr:           config.HostPort{Port: "8080"},
		AdminAddr:      config.HostPort{Host: "127.0.0.1", Port: "9464"},
		PublicURL:      parseURL(t, "https://sms.example.com"),
		WebhookURL:     parseURL(t, "https://sms.example.com/sms"),
		FallbackURL:    parseURL(t, "https://sms.example.com/sms/fallback"),
		AuthTokens:     config.AuthTokens{{Value: token}},
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
		Addr:           config.HostPort{Host: "127.0.0.1", Port: "8080"},
		AdminAddr:      config.HostPort{Host: "127.0.0.1", Port: "9464"},
		RedisPrefix:    "sms:",
		Connections:    64,
		IdleTimeout:    4 * time.Hour,
		Lifetime:       30 * 24 * time.Hour,
		RequestBudget:  10 * time.Second,
		KeepAlive:      650 * time.Second,
		MaxConnections: 8192,
		DrainDelay:     0,
		OptOut:         "default",
		LogLevel:       slog.LevelInfo,
		LogFormat:      "text",
		Pprof:          true,
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
}

func TestDevTakesItsSettings(t *testing.T) {
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
	want.Addr = config.HostPort{Host: "127.0.0.1", Port: "5000"}
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

func TestOperatorsNeedOnlyRedis(t *testing.T) {
	var f config.OperatorFlags
	f.RedisURL = "redis://:pass@redis/2"
	f.RedisPrefix = "staging:"
	got, err := f.Config()
	want := redisurl.URL{Addrs: []string{"redis:6379"}, Redis: redisurl.Login{Password: "pass"}, Database: 2}
	if err != nil || !reflect.DeepEqual(got.Redis, want) || got.RedisPrefix != "staging:" {
		t.Errorf("got %v %q, %v", got.Redis, got.RedisPrefix, err)
	}
}

func TestListeners(t *testing.T) {
	rows := []struct {
		name                string
		addr, port          string
		admin               *string
		wantAddr, wantAdmin string
		pprof               string
		wantPprof           bool
	}{
		{name: "PORT alone is honoured", port: "3000", wantAddr: ":3000", wantAdmin: "127.0.0.1:9464", wantPprof: true},
		{name: "ADDR wins over PORT", addr: "10.0.0.1:80", port: "3000", wantAddr: "10.0.0.1:80", wantAdmin: "127.0.0.1:9464", wantPprof: true},
		{name: "a PORT that ADDR replaces is not looked at", addr: ":80", port: "tcp://10.0.0.1:80", wantAddr: ":80", wantAdmin: "127.0.0.1:9464", wantPprof: true},
		{name: "port 0 lets the system choose", addr: "127.0.0.1:0", admin: new(":0"), wantAddr: "127.0.0.1:0", wantAdmin: ":0"},
		{name: "the highest port is 65535", addr: ":65535", wantAddr: ":65535", wantAdmin: "127.0.0.1:9464", wantPprof: true},
		{name: "white space around an address is dropped", addr: " :80\n", admin: new(" 127.0.0.1:81 "), wantAddr: ":80", wantAdmin: "127.0.0.1:81", wantPprof: true},
		{name: "an empty ADMIN_ADDR turns it off", admin: new(""), wantAddr: ":8080"},
		{name: "a blank ADMIN_ADDR turns it off", admin: new("  "), wantAddr: ":8080"},
		{name: "pprof is on for ::1", admin: new("[::1]:9464"), wantAddr: ":8080", wantAdmin: "[::1]:9464", wantPprof: true},
		{name: "pprof is on for all of 127.0.0.0/8", admin: new("127.9.9.9:9464"), wantAddr: ":8080", wantAdmin: "127.9.9.9:9464", wantPprof: true},
		{name: "pprof is on for localhost", admin: new("LocalHost:9464"), wantAddr: ":8080", wantAdmin: "LocalHost:9464", wantPprof: true},
		{name: "pprof is off for all interfaces", admin: new(":9464"), wantAddr: ":8080", wantAdmin: ":9464"},
		{name: "pprof is off for 0.0.0.0", admin: new("0.0.0.0:9464"), wantAddr: ":8080", wantAdmin: "0.0.0.0:9464"},
		{name: "pprof is off for a name that only begins like loopback", admin: new("127.0.0.1.example.com:1"), wantAddr: ":8080", wantAdmin: "127.0.0.1.example.com:1"},
		{name: "PPROF=true overrides the address", admin: new(":9464"), pprof: "true", wantAddr: ":8080", wantAdmin: ":9464", wantPprof: true},
		{name: "PPROF=false overrides the address", pprof: "False", wantAddr: ":8080", wantAdmin: "127.0.0.1:9464"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got := read(t, func(f *config.Flags) {
				f.Addr, f.Port, f.AdminAddr, f.Pprof = row.addr, row.port, row.admin, row.pprof
			})
			if got.Addr.String() != row.wantAddr || got.AdminAddr.String() != row.wantAdmin || got.Pprof != row.wantPprof {
				t.Errorf("got %q %q %t, want %q %q %t",
					got.Addr, got.AdminAddr, got.Pprof, row.wantAddr, row.wantAdmin, row.wantPprof)
			}
		})
	}
}

func TestPublicURL(t *testing.T) {
	rows := []struct {
		name, value, want string
		insecure          bool
	}{
		{name: "the last slash is dropped", value: "https://h.example/", want: "https://h.example"},
		{name: "the last slash of a path is dropped", value: "https://h.example/a/", want: "https://h.example/a"},
		{name: "only the last slash is dropped", value: "https://h.example/a//", want: "https://h.example/a/"},
		{name: "the path is kept byte for byte", value: "https://h.example/%2f/a%20b/ü/.././;x", want: "https://h.example/%2f/a%20b/ü/.././;x"},
		{name: "the case of the host is kept", value: "https://MyCompany.Example", want: "https://MyCompany.Example"},
		{name: "the case of the scheme is kept", value: "HTTPS://h.example", want: "HTTPS://h.example"},
		{name: "a default port is kept", value: "https://h.example:443/", want: "https://h.example:443"},
		{name: "a port is kept", value: "https://h.example:8443/x", want: "https://h.example:8443/x"},
		{name: "the fragment is dropped", value: "https://h.example/x#rc=2&rp=all", want: "https://h.example/x"},
		{name: "the last slash before a fragment is dropped", value: "https://h.example/#rc=2", want: "https://h.example"},
		{name: "user and password are dropped", value: "https://user:p@ss@h.example/x", want: "https://h.example/x"},
		{name: "an @ in the path is kept", value: "https://h.example/@me", want: "https://h.example/@me"},
		{name: "an IPv6 host works", value: "https://[2001:db8::1]:8443", want: "https://[2001:db8::1]:8443"},
		{name: "white space around it is dropped", value: " https://h.example\n", want: "https://h.example"},
		{name: "http makes the cookie not Secure", value: "http://localhost:8080", want: "http://localhost:8080", insecure: true},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got := read(t, func(f *config.Flags) { f.PublicURL = row.value })
			if got.PublicURL.String() != row.want || got.WebhookURL.IsHTTPS() == row.insecure {
				t.Errorf("got %q, HTTPS %t; want %q, HTTPS %t", got.PublicURL, got.WebhookURL.IsHTTPS(), row.want, !row.insecure)
			}
		})
	}
}

func TestWebhookURLs(t *testing.T) {
	const public = "https://sms.example.com"
	rows := []struct {
		name                         string
		publicURL, webhook, fallback string
		wantWebhook, wantFallback    string
		insecure                     bool
	}{
		{name: "they are below PUBLIC_URL unless set", publicURL: public + "/a/#rc=2",
			wantWebhook: public + "/a/sms", wantFallback: public + "/a/sms/fallback"},
		{name: "PUBLIC_URL is not needed if both are set", webhook: "https://x.example/twilio/inbound", fallback: "https://y.example/sorry",
			wantWebhook: "https://x.example/twilio/inbound", wantFallback: "https://y.example/sorry"},
		{name: "one of the two URLs may be set", publicURL: public, webhook: "https://x.example/twilio/inbound",
			wantWebhook: "https://x.example/twilio/inbound", wantFallback: public + "/sms/fallback"},
		{name: "every byte is kept", publicURL: public, webhook: "https://X.example:443/%2f/a'b/ü/.././;x/", fallback: "https://x.example/",
			wantWebhook: "https://X.example:443/%2f/a'b/ü/.././;x/", wantFallback: "https://x.example/"},
		{name: "fragment, user and password are not signed", publicURL: public, webhook: "https://me:p@ss@x.example/in#rc=2&rp=all",
			fallback: " https://x.example/sorry#rt=5000\n", wantWebhook: "https://x.example/in", wantFallback: "https://x.example/sorry"},
		{name: "the cookie is not Secure where WEBHOOK_URL is http", publicURL: public, webhook: "http://x.example/in",
			wantWebhook: "http://x.example/in", wantFallback: public + "/sms/fallback", insecure: true},
		{name: "the cookie is Secure where only PUBLIC_URL is http", publicURL: "http://x.example", webhook: "https://x.example/in",
			wantWebhook: "https://x.example/in", wantFallback: "http://x.example/sms/fallback"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got := read(t, func(f *config.Flags) {
				f.PublicURL, f.WebhookURL, f.FallbackURL = row.publicURL, row.webhook, row.fallback
			})
			if got.WebhookURL.String() != row.wantWebhook || got.FallbackURL.String() != row.wantFallback || got.WebhookURL.IsHTTPS() == row.insecure {
				t.Errorf("got %q and %q, HTTPS %t", got.WebhookURL, got.FallbackURL, got.WebhookURL.IsHTTPS())
			}
		})
	}
}

func TestAuthTokens(t *testing.T) {
	forAny := func(values ...string) config.AuthTokens {
		var tokens config.AuthTokens
		for _, value := range values {
			tokens = append(tokens, config.AuthToken{Value: value})
		}
		return tokens
	}
	rows := []struct {
		name, value, file string
		want              config.AuthTokens
	}{
		{name: "several stand side by side, separated by commas", value: "new,old", want: forAny("new", "old")},
		{name: "white space around each is dropped", value: " new ,\told\n", want: forAny("new", "old")},
		{name: "an entry may name its account", value: sid + ":new," + otherSID + ":other,old", want: config.AuthTokens{
			{Account: sid, Value: "new"}, {Account: otherSID, Value: "other"}, {Value: "old"}}},
		{name: "an account may have several", value: sid + ":new," + sid + ":old", want: config.AuthTokens{
			{Account: sid, Value: "new"}, {Account: sid, Value: "old"}}},
		{name: "a file holds them too, without the newline at its end", file: "new,old\r\n", want: forAny("new", "old")},
		{name: "a file may hold one a line", file: "new\r\n\n" + sid + ":other\nold, older\n", want: config.AuthTokens{
			{Value: "new"}, {Account: sid, Value: "other"}, {Value: "old"}, {Value: "older"}}},
		{name: "a byte-order mark in a file is skipped", file: "\xef\xbb\xbfone\n", want: forAny("one")},
		{name: "a blank TWILIO_AUTH_TOKEN leaves it to the file", value: "  ", file: "one", want: forAny("one")},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got := read(t, func(f *config.Flags) {
				f.TwilioAuthToken = row.value
				if row.file != "" {
					f.TwilioAuthTokenFile = write(t, row.file)
				}
			})
			if !reflect.DeepEqual(got.AuthTokens, row.want) {
				t.Errorf("got %q, want %q", got.AuthTokens, row.want)
			}
		})
	}
}

func TestTheTokenOfAnAccount(t *testing.T) {
	tokens := config.AuthTokens{{Value: "common"}, {Account: sid, Value: "new"}, {Account: sid, Value: "old"}}
	for _, row := range []struct{ name, account, want string }{
		{"is the first that is for it", sid, "new"},
		{"is the first for any account, where none is for it", otherSID, "common"},
		{"is the first for any account, where no account is named", "", "common"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := tokens.For(row.account); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
	if got := tokens[1:].For(otherSID); got != "" {
		t.Errorf("another account's token is used: %q", got)
	}
}

func TestWarnings(t *testing.T) {
	short := func(n, of int) string {
		return fmt.Sprintf("TWILIO_AUTH_TOKEN: token %d of %d is shorter than the 32 characters of Twilio's tokens", n, of)
	}
	const ends = "PUBLIC_URL ends in /sms: the service accepts only requests that Twilio sends to https://sms.example.com/sms/sms"
	rows := []struct {
		name string
		set  func(*config.Flags)
		want []string
	}{
		{"nothing is wrong", func(*config.Flags) {}, nil},
		{"PUBLIC_URL ends in /sms", func(f *config.Flags) { f.PublicURL += "/sms/" }, []string{ends}},
		{"PUBLIC_URL ends in /sms, and is not used", func(f *config.Flags) {
			f.PublicURL, f.WebhookURL, f.FallbackURL = f.PublicURL+"/sms", "https://sms.example.com/sms", "https://sms.example.com/sms/fallback"
		}, nil},
		{"a token is short", func(f *config.Flags) { f.TwilioAuthToken = token + "," + token[1:] + "," + sid + ":" + token }, []string{short(2, 3)}},
		{"an account does not make a token longer", func(f *config.Flags) { f.TwilioAuthToken = sid + ":" + token[1:] }, []string{short(1, 1)}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if got := read(t, row.set).Warnings(); !slices.Equal(got, row.want) {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func TestRedisURL(t *testing.T) {
	want, err := redisurl.Parse("redis://app:pass@redis:7000/3", nil)
	if err != nil {
		t.Fatal(err)
	}
	got := read(t, func(f *config.Flags) { f.RedisURL = "\tredis://app:pass@redis:7000/3 \n" })
	if !reflect.DeepEqual(got.Redis, want) {
		t.Errorf("got %#v, want %#v", got.Redis, want)
	}
	got = read(t, func(f *config.Flags) {
		f.RedisURL, f.RedisURLFile = "", write(t, "\ufeffredis://app:pass@redis:7000/3\n")
	})
	if !reflect.DeepEqual(got.Redis, want) {
		t.Errorf("from a file: got %#v, want %#v", got.Redis, want)
	}
}

func TestOtherSettings(t *testing.T) {
	rows := []struct {
		name string
		set  func(*config.Flags)
		want func(*config.Config)
	}{
		{"TWILIO_ACCOUNT_SID is AC and 32 hex digits of either case",
			func(f *config.Flags) { f.TwilioAccountSID = " " + sid }, func(c *config.Config) { c.AccountSIDs = []string{sid} }},
		{"TWILIO_ACCOUNT_SID may name several accounts",
			func(f *config.Flags) { f.TwilioAccountSID = sid + " ,\t" + otherSID }, func(c *config.Config) { c.AccountSIDs = []string{sid, otherSID} }},
		{"REDIS_PREFIX may have 64 bytes of printable ASCII",
			func(f *config.Flags) {
				f.RedisPrefix = `!"#$%&'()+,-./0123456789:;<=>@ABCDEFGHIJKLMNOPQRSTUVWXYZ^_` + "`abcd"
			},
			func(c *config.Config) {
				c.RedisPrefix = `!"#$%&'()+,-./0123456789:;<=>@ABCDEFGHIJKLMNOPQRSTUVWXYZ^_` + "`abcd"
			}},
		{"a blank REDIS_PREFIX is not set", func(f *config.Flags) { f.RedisPrefix = " " }, func(*config.Config) {}},
		{"REDIS_WAIT_REPLICAS may say its default", func(f *config.Flags) { f.RedisWaitReplicas = " 0 " }, func(*config.Config) {}},
		{"REDIS_WAIT_REPLICAS is a number", func(f *config.Flags) { f.RedisWaitReplicas = "2" }, func(c *config.Config) { c.WaitReplicas = 2 }},
		{"REDIS_CONNECTIONS may be 1", func(f *config.Flags) { f.RedisConnections = " 1 " }, func(c *config.Config) { c.Connections = 1 }},
		{"REDIS_CONNECTIONS may be 4096", func(f *config.Flags) { f.RedisConnections = "4096" }, func(c *config.Config) { c.Connections = 4096 }},
		{"SESSION_IDLE_TIMEOUT may be 1ms",
			func(f *config.Flags) { f.SessionIdleTimeout = "1ms" }, func(c *config.Config) { c.IdleTimeout = time.Millisecond }},
		{"SESSION_IDLE_TIMEOUT may be 30 days",
			func(f *config.Flags) { f.SessionIdleTimeout = "720h" }, func(c *config.Config) { c.IdleTimeout = 720 * time.Hour }},
		{"SESSION_LIFETIME may be below the idle timeout",
			func(f *config.Flags) { f.SessionLifetime = "1ms" }, func(c *config.Config) { c.Lifetime = time.Millisecond }},
		{"SESSION_LIFETIME may be a year",
			func(f *config.Flags) { f.SessionLifetime = "8760h" }, func(c *config.Config) { c.Lifetime = 8760 * time.Hour }},
		{"REQUEST_BUDGET may be 100ms",
			func(f *config.Flags) { f.RequestBudget = "100ms" }, func(c *config.Config) { c.RequestBudget = 100 * time.Millisecond }},
		{"REQUEST_BUDGET may be 12s",
			func(f *config.Flags) { f.RequestBudget = "12s" }, func(c *config.Config) { c.RequestBudget = 12 * time.Second }},
		{"KEEP_ALIVE may be 1s", func(f *config.Flags) { f.KeepAlive = "1s" }, func(c *config.Config) { c.KeepAlive = time.Second }},
		{"KEEP_ALIVE may be a day", func(f *config.Flags) { f.KeepAlive = "24h" }, func(c *config.Config) { c.KeepAlive = 24 * time.Hour }},
		{"MAX_CONNECTIONS may be 16", func(f *config.Flags) { f.MaxConnections = "16" }, func(c *config.Config) { c.MaxConnections = 16 }},
		{"MAX_CONNECTIONS may be a million",
			func(f *config.Flags) { f.MaxConnections = " 1000000 " }, func(c *config.Config) { c.MaxConnections = 1_000_000 }},
		{"DRAIN_DELAY may be 0", func(f *config.Flags) { f.DrainDelay = "0" }, func(c *config.Config) { c.DrainDelay = 0 }},
		{"DRAIN_DELAY may be 5m", func(f *config.Flags) { f.DrainDelay = "5m" }, func(c *config.Config) { c.DrainDelay = 5 * time.Minute }},
		{"MAX_REPLIES_PER_MINUTE may be 1", func(f *config.Flags) { f.MaxReplies = "1" }, func(c *config.Config) { c.MaxReplies = 1 }},
		{"MAX_REPLIES_PER_MINUTE may be 60", func(f *config.Flags) { f.MaxReplies = " 60 " }, func(c *config.Config) { c.MaxReplies = 60 }},
		{"MAX_REPLIES_PER_MINUTE may be 0", func(f *config.Flags) { f.MaxReplies = "0" }, func(c *config.Config) { c.MaxReplies = 0 }},
		{"OPT_OUT may be advanced", func(f *config.Flags) { f.OptOut = "advanced" }, func(c *config.Config) { c.OptOut = config.OptOutAdvanced }},
		{"OPT_OUT may be off", func(f *config.Flags) { f.OptOut = "off" }, func(c *config.Config) { c.OptOut = config.OptOutOff }},
		{"LOG_LEVEL may be debug", func(f *config.Flags) { f.LogLevel = "debug" }, func(c *config.Config) { c.LogLevel = slog.LevelDebug }},
		{"LOG_LEVEL may be warn", func(f *config.Flags) { f.LogLevel = "warn" }, func(c *config.Config) { c.LogLevel = slog.LevelWarn }},
		{"LOG_LEVEL may be in any case", func(f *config.Flags) { f.LogLevel = " ERROR" }, func(c *config.Config) { c.LogLevel = slog.LevelError }},
		{"LOG_FORMAT may be text", func(f *config.Flags) { f.LogFormat = "text" }, func(c *config.Config) { c.LogFormat = config.LogText }},
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
