package config_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"smsession/internal/config"
)

// faultRow is one wrong setting and the whole error that it must give, but for
// the name of a temporary file.
type faultRow struct {
	name string
	set  func(*config.Flags)
	want string
}

func checkFaults(t *testing.T, rows []faultRow) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			f := required()
			row.set(&f)
			_, err := f.Config()
			if err == nil {
				t.Fatal("accepted")
			}
			if got := err.Error(); got != row.want {
				t.Errorf("\ngot  %s\nwant %s", got, row.want)
			}
		})
	}
}

func TestListenFaults(t *testing.T) {
	const shape = "must be host:port or :port, such as 127.0.0.1:8080 or :8080"
	const port = "must end in a port, a number from 0 to 65535, such as :8080"
	addr := func(value string) func(*config.Flags) { return func(f *config.Flags) { f.Addr = value } }
	const name = " is not a host name, such as sms-1 or metrics.example.com"
	hosts := func(value string) func(*config.Flags) { return func(f *config.Flags) { f.AdminHosts = value } }
	checkFaults(t, []faultRow{
		{"a port without a colon is no address", addr("8080"), "ADDR (--addr): " + shape},
		{"an IPv6 address needs brackets", addr("::1:8080"), "ADDR (--addr): " + shape},
		{"a host has no spaces", addr("my host:80"), "ADDR (--addr): " + shape},
		{"a URL is no address", addr("http://h:80"), "ADDR (--addr): " + shape},
		{"a port is at most 65535", addr(":65536"), "ADDR (--addr): " + port},
		{"a port is not negative", addr(":-1"), "ADDR (--addr): " + port},
		{"a port is a number, not a service", addr(":http"), "ADDR (--addr): " + port},
		{"a port is not empty", addr("localhost:"), "ADDR (--addr): " + port},
		{"ADMIN_ADDR is checked the same way", func(f *config.Flags) { f.AdminAddr = new("off") }, "ADMIN_ADDR (--admin-addr): " + shape},
		{"ADMIN_HOSTS takes no wildcard", hosts("*.example.com"), `ADMIN_HOSTS (--admin-hosts): "*.example.com"` + name},
		{"ADMIN_HOSTS takes no URL", hosts("sms-1,http://sms-2"), `ADMIN_HOSTS (--admin-hosts): "http://sms-2"` + name},
		{"ADMIN_HOSTS is separated by commas", hosts("sms-1 sms-2"), `ADMIN_HOSTS (--admin-hosts): "sms-1 sms-2"` + name},
		{"ADMIN_HOSTS takes names as they are in a Host header", hosts("müller.example"), `ADMIN_HOSTS (--admin-hosts): "müller.example"` + name},
		{"ADMIN_HOSTS takes no port alone", hosts(":9464"), `ADMIN_HOSTS (--admin-hosts): ":9464"` + name},
		{"PORT is a number", func(f *config.Flags) { f.Port = "web" }, `PORT (--port): "web" is not a port, a number from 0 to 65535`},
		{"PORT is not an address", func(f *config.Flags) { f.Port = ":80" }, `PORT (--port): ":80" is not a port, a number from 0 to 65535`},
		{"PORT is at most 65535", func(f *config.Flags) { f.Port = "70000" }, `PORT (--port): "70000" is not a port, a number from 0 to 65535`},
		{"PPROF is true or false", func(f *config.Flags) { f.Pprof = "1" }, `PPROF (--pprof): "1" is not one of: true, false`},
	})
}

func TestPublicURLFaults(t *testing.T) {
	const begin = "must begin with https:// or http://"
	rows := []struct{ name, value, want string }{
		{"it is required", "", "is required: the URL that Twilio is configured with, without /sms, such as https://sms.example.com; or set both WEBHOOK_URL and FALLBACK_URL"},
		{"it has a scheme", "sms.example.com", begin},
		{"it is http or https", "ftp://sms.example.com", begin},
		{"it has slashes after its scheme", "https:sms.example.com", begin},
		{"it has a host", "https://", "has no host"},
		{"it has a host before its path", "https:///sms", "has no host"},
		{"it has a host before its port", "https://:443", "has no host"},
		{"a place-holder is no host", "https://<host>", "has a host that is neither a name nor an IP address"},
		{"a query is refused", "https://h/?a=1", "must not have a query (a ? and what follows), because the query of each request is used"},
		{"an empty query is refused", "https://h/?", "must not have a query (a ? and what follows), because the query of each request is used"},
		{"a space is refused", "https://h/a b", "must not contain spaces or control characters"},
		{"a control character is refused", "https://h/a\x00b", "must not contain spaces or control characters"},
		{"a space in the fragment is refused", "https://h/#a b", "must not contain spaces or control characters"},
		{"a port is a number", "https://h:https", "is not a valid URL; one is https://sms.example.com"},
		{"a port is at least 1", "https://h:0", "has a port that is not a number from 1 to 65535"},
		{"a port is at most 65535", "https://h:65536", "has a port that is not a number from 1 to 65535"},
		{"a port is not empty", "https://h:/", "has a port that is not a number from 1 to 65535"},
		{"a broken escape is refused", "https://h/%zz", "is not a valid URL; one is https://sms.example.com"},
		{"a # in a password does not cut the host off", "https://user:12#34@h", "has a # before the @; in a user or password, write %23 for #"},
	}
	for _, row := range rows {
		checkFaults(t, []faultRow{{row.name, func(f *config.Flags) { f.PublicURL = row.value }, "PUBLIC_URL (--public-url): " + row.want}})
		if row.value != "" {
			checkFaults(t, []faultRow{
				{row.name, func(f *config.Flags) { f.WebhookURL = row.value }, "WEBHOOK_URL (--webhook-url): " + row.want},
				{row.name, func(f *config.Flags) { f.FallbackURL = row.value }, "FALLBACK_URL (--fallback-url): " + row.want},
			})
		}
	}
}

func TestTwilioFaults(t *testing.T) {
	const notSID = "TWILIO_ACCOUNT_SID (--twilio-account-sid): is not an account SID: AC and 32 hexadecimal digits; several are separated by commas"
	tokens := func(value string) func(*config.Flags) {
		return func(f *config.Flags) { f.TwilioAuthToken = value }
	}
	account := func(value string) func(*config.Flags) {
		return func(f *config.Flags) { f.TwilioAccountSID = value }
	}
	checkFaults(t, []faultRow{
		{"TWILIO_AUTH_TOKEN is required", tokens(" "), "TWILIO_AUTH_TOKEN (--twilio-auth-token): is required: the auth token of the Twilio account; or set TWILIO_AUTH_TOKEN_FILE"},
		{"an empty token among them is a fault", tokens("a,,b"), "TWILIO_AUTH_TOKEN (--twilio-auth-token): token 2 of 3 is empty; tokens are separated by one comma each"},
		{"a comma at the end is a fault", tokens("a, "), "TWILIO_AUTH_TOKEN (--twilio-auth-token): token 2 of 2 is empty; tokens are separated by one comma each"},
		{"white space inside a token is a fault", tokens("a,b c"), "TWILIO_AUTH_TOKEN (--twilio-auth-token): token 2 of 2 has white space inside; tokens are separated by commas"},
		{"one token a line is a fault outside a file", tokens("a\nb\n"), "TWILIO_AUTH_TOKEN (--twilio-auth-token): token 1 of 1 has white space inside; tokens are separated by commas"},
		{"a fault in a file is reported with the setting of the file", func(f *config.Flags) { f.TwilioAuthToken, f.TwilioAuthTokenFile = "", write(t, "a\nb c\n") }, "TWILIO_AUTH_TOKEN_FILE (--twilio-auth-token-file): token 2 of 2 has white space inside; tokens are separated by commas"},
		{"quotation marks around a token are a fault", tokens(`"` + token + `"`), "TWILIO_AUTH_TOKEN (--twilio-auth-token): token 1 of 1 has a quotation mark, which Twilio's tokens do not have"},
		{"apostrophes around it are a fault", tokens("a,'" + token + "'"), "TWILIO_AUTH_TOKEN (--twilio-auth-token): token 2 of 2 has a quotation mark, which Twilio's tokens do not have"},
		{"a byte-order mark outside a file is a fault", tokens("\ufeff" + token), "TWILIO_AUTH_TOKEN (--twilio-auth-token): token 1 of 1 has a character outside ASCII, which Twilio's tokens do not have"},
		{"typographic quotation marks are a fault", tokens("“" + token + "”"), "TWILIO_AUTH_TOKEN (--twilio-auth-token): token 1 of 1 has a character outside ASCII, which Twilio's tokens do not have"},
		{"an account precedes a colon", tokens("AC12:" + token), "TWILIO_AUTH_TOKEN (--twilio-auth-token): token 1 of 1 has a colon, but no account SID before it: AC and 32 hexadecimal digits"},
		{"a token follows an account", tokens(sid + ":"), "TWILIO_AUTH_TOKEN (--twilio-auth-token): token 1 of 1 is empty; tokens are separated by one comma each"},
		{"a space behind the colon is a fault", tokens(sid + ": " + token), "TWILIO_AUTH_TOKEN (--twilio-auth-token): token 1 of 1 has white space inside; tokens are separated by commas"},
		{"an account SID is no token", tokens(token + "," + sid), "TWILIO_AUTH_TOKEN (--twilio-auth-token): token 2 of 2 is an account SID, which is not a secret; a token for one account is AC…:token"},
		{"nor is it one behind the account", tokens(sid + ":" + sid), "TWILIO_AUTH_TOKEN (--twilio-auth-token): token 1 of 1 is an account SID, which is not a secret; a token for one account is AC…:token"},
		{"each account needs a token", func(f *config.Flags) { f.TwilioAuthToken, f.TwilioAccountSID = sid+":"+token, sid+","+otherSID }, "TWILIO_ACCOUNT_SID (--twilio-account-sid): names an account for which TWILIO_AUTH_TOKEN has no token"},
		{"an empty account among them is a fault", account(sid + ","), notSID},
		{"an account begins with AC", account("SM" + token), notSID},
		{"an account has 32 digits", account(sid[:33]), notSID},
		{"an account has no more than 32 digits", account(sid + "0"), notSID},
		{"an account is hexadecimal", account(sid[:33] + "g"), notSID},
	})
}

func TestRedisURLFaults(t *testing.T) {
	large := write(t, strings.Repeat("x", 64<<10+1))
	const name = "REDIS_URL (--redis-url): "
	checkFaults(t, []faultRow{
		{"it is required", func(f *config.Flags) { f.RedisURL = "" }, name + "is required: such as redis://localhost:6379; or set REDIS_URL_FILE"},
		{"everything is reported at once", func(f *config.Flags) { f.RedisURL = "redis://user@h/x?db=1#" }, strings.Join([]string{
			name + "has no password: write user:password@host, or :password@host for the default user",
			name + "has a path that is not a database number, such as /0",
			name + "must not have a #; in a password, write %23 for #",
			name + "has the query parameter db, which is not supported; in a password, write %3F for ?"}, "\n")},
		{"the path of a missing certificate is not quoted", func(f *config.Flags) { f.RedisURL = "rediss://h?ca_file=/missing" },
			name + "names a ca_file that cannot be read: no such file or directory"},
		{"a certificate is not a directory", func(f *config.Flags) { f.RedisURL = "rediss://h?ca_file=/" },
			name + "names a ca_file that cannot be read: is a directory"},
		{"a certificate has at most 64 KiB", func(f *config.Flags) { f.RedisURL = "rediss://h?ca_file=" + large },
			name + "names a ca_file that is larger than 64 KiB"},
	})
}

func TestFileFaults(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing")
	empty, blank := write(t, ""), write(t, " \n")
	large := write(t, strings.Repeat("x", 64<<10+1))
	file := func(path string) func(*config.Flags) {
		return func(f *config.Flags) { f.RedisURL, f.RedisURLFile = "", path }
	}
	const name = "REDIS_URL_FILE (--redis-url-file): "
	checkFaults(t, []faultRow{
		{"only one of the two is set", func(f *config.Flags) { f.RedisURLFile = missing }, "REDIS_URL (--redis-url): is set, and REDIS_URL_FILE is set too: set only one of them"},
		{"only one of the tokens' two is set", func(f *config.Flags) { f.TwilioAuthTokenFile = missing }, "TWILIO_AUTH_TOKEN (--twilio-auth-token): is set, and TWILIO_AUTH_TOKEN_FILE is set too: set only one of them"},
		{"the file exists", file(missing), name + `the file "` + missing + `" cannot be read: no such file or directory`},
		{"a relative path is not quoted", file("missing"), name + "the file cannot be read: no such file or directory"},
		{"a directory is no file", file(dir), name + `the file "` + dir + `" cannot be read: is a directory`},
		{"an empty file is a fault", file(empty), name + `the file "` + empty + `" is empty`},
		{"a blank file is a fault", file(blank), name + `the file "` + blank + `" is empty`},
		{"a file has at most 64 KiB", file(large), name + `the file "` + large + `" is larger than 64 KiB`},
		{"a fault in a file is told by the file's setting", file(write(t, "redis://h/x")), name + "has a path that is not a database number, such as /0"},
	})
}

func TestFileOf64KiBIsRead(t *testing.T) {
	long := strings.Repeat("x", 64<<10)
	got := read(t, func(f *config.Flags) { f.TwilioAuthToken, f.TwilioAuthTokenFile = "", write(t, long) })
	if len(got.AuthTokens) != 1 || got.AuthTokens[0].Value != long {
		t.Error("not the file's content")
	}
}

func TestOtherFaults(t *testing.T) {
	const prefix = "REDIS_PREFIX (--redis-prefix): must be printable ASCII without spaces and without any of { } * ? [ ] \\"
	var rows []faultRow
	for _, bad := range []string{"a b", "a{b", "a}b", "a*", "a?", "a[", "a]", `a\`, "ü:", "a\x00", "a\x7f"} {
		rows = append(rows, faultRow{"REDIS_PREFIX is not " + bad, func(f *config.Flags) { f.RedisPrefix = bad }, prefix})
	}
	checkFaults(t, append(rows, []faultRow{
		{"REDIS_PREFIX has at most 64 bytes", func(f *config.Flags) { f.RedisPrefix = strings.Repeat("x", 65) }, "REDIS_PREFIX (--redis-prefix): must not be longer than 64 bytes"},
		{"REDIS_CONNECTIONS is a number", func(f *config.Flags) { f.RedisConnections = "many" }, `REDIS_CONNECTIONS (--redis-connections): "many" is not a whole number from 1 to 4096`},
		{"REDIS_CONNECTIONS is not 0", func(f *config.Flags) { f.RedisConnections = "0" }, `REDIS_CONNECTIONS (--redis-connections): "0" is not a whole number from 1 to 4096`},
		{"REDIS_CONNECTIONS is at most 4096", func(f *config.Flags) { f.RedisConnections = "4097" }, `REDIS_CONNECTIONS (--redis-connections): "4097" is not a whole number from 1 to 4096`},
		{"REDIS_WAIT_REPLICAS is a number", func(f *config.Flags) { f.RedisWaitReplicas = "all" }, `REDIS_WAIT_REPLICAS (--redis-wait-replicas): "all" is not a whole number from 0 to 100`},
		{"REDIS_WAIT_REPLICAS is not negative", func(f *config.Flags) { f.RedisWaitReplicas = "-1" }, `REDIS_WAIT_REPLICAS (--redis-wait-replicas): "-1" is not a whole number from 0 to 100`},
		{"OPT_OUT is one of three", func(f *config.Flags) { f.OptOut = "on" }, `OPT_OUT (--opt-out): "on" is not one of: default, advanced, off`},
		{"LOG_LEVEL is one of four", func(f *config.Flags) { f.LogLevel = "info+1" }, `LOG_LEVEL (--log-level): "info+1" is not one of: debug, info, warn, error`},
		{"LOG_FORMAT is one of two", func(f *config.Flags) { f.LogFormat = "xml" }, `LOG_FORMAT (--log-format): "xml" is not one of: json, text`},
		{"a long value is not quoted", func(f *config.Flags) { f.LogLevel = token }, `LOG_LEVEL (--log-level): the value is not one of: debug, info, warn, error`},
	}...))
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
		{"a duration has a unit", idle("4"), idleName + `"4"` + idleRange},
		{"a duration is not words", idle("4 hours"), idleName + `"4 hours"` + idleRange},
		{"days are not a unit", lifetime("30d"), lifetimeName + `"30d"` + lifetimeRange},
		{"a duration does not overflow", lifetime("9999999h"), lifetimeName + `"9999999h"` + lifetimeRange},
		{"the idle timeout is not 0", idle("0"), idleName + `"0"` + idleRange},
		{"the idle timeout is not negative", idle("-4h"), idleName + `"-4h"` + idleRange},
		{"the idle timeout is at least 1ms", idle("999us"), idleName + `"999us"` + idleRange},
		{"the idle timeout is at most 30 days", idle("720h1s"), idleName + `"720h1s"` + idleRange},
		{"the lifetime is at least 1ms", lifetime("0s"), lifetimeName + `"0s"` + lifetimeRange},
		{"the lifetime is at most a year", lifetime("8761h"), lifetimeName + `"8761h"` + lifetimeRange},
		{"the budget is at least 100ms", budget("99ms"), budgetName + `"99ms"` + budgetRange},
		{"the budget is at most 12s", budget("13s"), budgetName + `"13s"` + budgetRange},
		{"connections are kept for at least 1s", keep("999ms"), keepName + `"999ms"` + keepRange},
		{"connections are kept for at most a day", keep("24h1s"), keepName + `"24h1s"` + keepRange},
		{"the drain delay is not negative", drain("-1s"), drainName + `"-1s"` + drainRange},
		{"the drain delay is at most 5m", drain("5m1s"), drainName + `"5m1s"` + drainRange},
	})
}

func TestMaxRepliesFaults(t *testing.T) {
	most := func(value string) func(*config.Flags) { return func(f *config.Flags) { f.MaxReplies = value } }
	const name, want = "MAX_REPLIES_PER_MINUTE (--max-replies-per-minute): ", " is not a whole number from 0 to 60"
	checkFaults(t, []faultRow{
		{"it is a number", most("many"), name + `"many"` + want},
		{"it is not negative", most("-1"), name + `"-1"` + want},
		{"it is whole", most("1.5"), name + `"1.5"` + want},
		{"it is at most 60", most("61"), name + `"61"` + want},
	})
}

func TestMaxConnectionsFaults(t *testing.T) {
	most := func(value string) func(*config.Flags) { return func(f *config.Flags) { f.MaxConnections = value } }
	const name, want = "MAX_CONNECTIONS (--max-connections): ", " is not a whole number from 16 to 1000000"
	checkFaults(t, []faultRow{
		{"it is a number", most("many"), name + `"many"` + want},
		{"it is at least 16", most("15"), name + `"15"` + want},
		{"it is at most a million", most("1000001"), name + `"1000001"` + want},
	})
}

func TestEveryFaultIsReportedAtOnce(t *testing.T) {
	var f config.Flags
	f.Addr, f.AdminAddr, f.AdminHosts, f.Pprof = "x", new("x"), "*", "x"
	f.PublicURL, f.WebhookURL, f.FallbackURL = "x", "x", "x"
	f.TwilioAuthToken = ","
	f.TwilioAccountSID = "x"
	f.RedisURL = "x"
	f.RedisPrefix = "{" + strings.Repeat("x", 64)
	f.RedisWaitReplicas, f.RedisConnections = "x", "x"
	f.SessionIdleTimeout, f.SessionLifetime = "x", "x"
	f.RequestBudget, f.KeepAlive, f.MaxConnections = "x", "x", "x"
	f.DrainDelay, f.MaxReplies, f.OptOut = "x", "x", "x"
	f.LogLevel, f.LogFormat = "x", "x"
	got, err := f.Config()
	faults, ok := errors.AsType[config.Faults](err)
	if !ok {
		t.Fatalf("got %T", err)
	}
	var names []string
	for _, fault := range faults {
		name, _, _ := strings.Cut(fault, " ")
		names = append(names, name)
	}
	want := "ADDR ADMIN_ADDR ADMIN_HOSTS PUBLIC_URL WEBHOOK_URL FALLBACK_URL TWILIO_AUTH_TOKEN TWILIO_AUTH_TOKEN TWILIO_ACCOUNT_SID " +
		"REDIS_URL REDIS_PREFIX REDIS_PREFIX REDIS_WAIT_REPLICAS REDIS_CONNECTIONS SESSION_IDLE_TIMEOUT SESSION_LIFETIME " +
		"REQUEST_BUDGET KEEP_ALIVE MAX_CONNECTIONS DRAIN_DELAY MAX_REPLIES_PER_MINUTE OPT_OUT LOG_LEVEL LOG_FORMAT PPROF"
	if strings.Join(names, " ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(names, " "), want)
	}
	if lines := strings.Count(err.Error(), "\n") + 1; lines != len(faults) {
		t.Errorf("%d lines for %d faults", lines, len(faults))
	}
	if got.Addr != (config.HostPort{}) || got.AuthTokens != nil {
		t.Errorf("a faulty configuration came out: %v", got)
	}
}

func TestNothingSetReportsWhatIsRequired(t *testing.T) {
	_, err := config.Flags{}.Config()
	faults, _ := errors.AsType[config.Faults](err)
	var names []string
	for _, fault := range faults {
		name, _, _ := strings.Cut(fault, " ")
		names = append(names, name)
	}
	if got := strings.Join(names, " "); got != "PUBLIC_URL TWILIO_AUTH_TOKEN REDIS_URL" {
		t.Errorf("got %s", got)
	}
}
