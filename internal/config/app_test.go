package config_test

import (
	"bytes"
	"encoding/base64"
	"net"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"smsession/internal/config"
)

// secretOf returns a Standard Webhooks secret with a key of this many bytes.
func secretOf(size int) string {
	return "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{'k'}, size))
}

func TestApp(t *testing.T) {
	rows := []struct {
		name string
		set  func(*config.Flags)
		want func(*config.App)
	}{
		{"APP_URL alone is enough", func(*config.Flags) {}, func(*config.App) {}},
		{"APP_URL keeps its login and its query",
			func(f *config.Flags) { f.AppURL = "https://u:p@bot/sms?key=1" }, func(a *config.App) {
				a.URL = parseURL(t, "https://u:p@bot/sms?key=1")
				a.PublicURL = a.URL
			}},
		{"APP_PUBLIC_URL may differ", func(f *config.Flags) { f.AppPublicURL = "https://bot.example.com/in?key=1" },
			func(a *config.App) { a.PublicURL = parseURL(t, "https://bot.example.com/in?key=1") }},
		{"APP_TIMEOUT may be 100ms", func(f *config.Flags) { f.AppTimeout = "100ms" },
			func(a *config.App) { a.Timeout = 100 * time.Millisecond }},
		{"APP_TIMEOUT may be 11s", func(f *config.Flags) { f.AppTimeout = "11s" },
			func(a *config.App) { a.Timeout = 11 * time.Second }},
		{"APP_CONCURRENCY may be 1", func(f *config.Flags) { f.AppConcurrency = "1" },
			func(a *config.App) { a.Concurrency = 1 }},
		{"APP_CONCURRENCY may be 4096", func(f *config.Flags) { f.AppConcurrency = "4096" },
			func(a *config.App) { a.Concurrency = 4096 }},
		{"APP_IMPORT_COOKIES may be on", func(f *config.Flags) { f.AppImportCookies = "TRUE" },
			func(a *config.App) { a.ImportCookies = true }},
		{"APP_SECRET is decoded", func(f *config.Flags) {
			f.AppProtocol, f.AppSecret = "json", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
		}, func(a *config.App) {
			a.Protocol = config.AppJSON
			a.Secrets = config.AppSecrets{[]byte("1\xf2\x90\xf6\xbf\x06)\x8a\xabO\x08\xd4<?\b,\xf6H\xa3b\xda-\xa4\xb0")}
		}},
		{"APP_SECRET_FILE may have a secret on each line", func(f *config.Flags) {
			f.AppProtocol, f.AppSecretFile = "json", write(t, secretOf(24)+"\r\n\n"+secretOf(64)+"\n")
		}, func(a *config.App) {
			a.Protocol = config.AppJSON
			a.Secrets = config.AppSecrets{bytes.Repeat([]byte{'k'}, 24), bytes.Repeat([]byte{'k'}, 64)}
		}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			url := parseURL(t, "http://bot:3000/sms")
			want := config.App{URL: url, PublicURL: url, Protocol: "twilio", Timeout: 8 * time.Second, Concurrency: 256}
			row.want(&want)
			got := read(t, func(f *config.Flags) {
				f.AppURL = "http://bot:3000/sms"
				f.RequestBudget = "12s"
				row.set(f)
			}).App
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %#v\nwant %#v", got, want)
			}
		})
	}
}

func TestAppFaults(t *testing.T) {
	const (
		url    = "APP_URL (--app-url): the URL "
		secret = "APP_SECRET (--app-secret): secret "
	)
	app := func(set func(*config.Flags)) func(*config.Flags) {
		return func(f *config.Flags) {
			f.AppURL = "http://bot/sms"
			set(f)
		}
	}
	secrets := func(text string) func(*config.Flags) {
		return app(func(f *config.Flags) { f.AppProtocol, f.AppSecret = "json", text })
	}
	checkFaults(t, []faultRow{
		{"APP_URL must be http or https", func(f *config.Flags) { f.AppURL = "bot:3000/sms" },
			url + "does not begin with https:// or http://"},
		{"APP_URL must have a host", func(f *config.Flags) { f.AppURL = "http:///sms" }, url + "has no host"},
		{"a password of APP_URL must have no question mark", func(f *config.Flags) { f.AppURL = "http://u:1?x@bot" },
			url + "has a ? before the @: in a user or password, write %3F for ?"},
		{"a password of APP_URL must have no number sign", func(f *config.Flags) { f.AppURL = "http://u:1#x@bot" },
			url + "has a # before the @: in a user or password, write %23 for #"},
		{"APP_URL must have no fragment", func(f *config.Flags) { f.AppURL = "http://bot/sms#rc=2" },
			url + "has a fragment (a # and what follows): leave it out, because no call contains it"},
		{"an empty fragment is refused", func(f *config.Flags) { f.AppURL = "http://bot/sms#" },
			url + "has a fragment (a # and what follows): leave it out, because no call contains it"},
		{"APP_PUBLIC_URL is checked in the same way", app(func(f *config.Flags) { f.AppPublicURL = "/sms" }),
			"APP_PUBLIC_URL (--app-public-url): the URL does not begin with https:// or http://"},
		{"APP_PROTOCOL must be a protocol", app(func(f *config.Flags) { f.AppProtocol = "xml" }),
			`APP_PROTOCOL (--app-protocol): "xml" is not one of: twilio, json`},
		{"APP_TIMEOUT must be at least 100ms", app(func(f *config.Flags) { f.AppTimeout = "99ms" }),
			`APP_TIMEOUT (--app-timeout): "99ms" is not a duration from 100ms to 11s, such as 8s or 2500ms; ` +
				`REQUEST_BUDGET is at most 12s, and 1s of it is kept for the commit`},
		{"APP_CONCURRENCY must not be 0", app(func(f *config.Flags) { f.AppConcurrency = "0" }),
			`APP_CONCURRENCY (--app-concurrency): "0" is not a whole number from 1 to 4096`},
		{"REQUEST_BUDGET must leave time for a call", app(func(f *config.Flags) { f.RequestBudget = "3s" }),
			"REQUEST_BUDGET (--request-budget): no call of the app could begin: set it to more than 3s, " +
				"which is 1s and a quarter of APP_TIMEOUT, or lower APP_TIMEOUT"},
		{"json needs a secret", app(func(f *config.Flags) { f.AppProtocol = "json" }),
			"APP_SECRET (--app-secret): the setting is missing: set it to a Standard Webhooks secret, because APP_PROTOCOL is json: whsec_ and the base64 of 24 to 64 random bytes; or set APP_SECRET_FILE"},
		{"a secret must begin with whsec_", secrets(secretOf(24)[6:]), secret + "1 of 1 does not begin with whsec_"},
		{"a secret must be base64", secrets("whsec_" + strings.Repeat("-", 32)),
			secret + "1 of 1 is not base64 with its padding after whsec_"},
		{"a secret must have its padding", secrets(strings.TrimRight(secretOf(25), "=")),
			secret + "1 of 1 is not base64 with its padding after whsec_"},
		{"a secret must have 24 bytes", secrets(secretOf(64) + "," + secretOf(23)),
			secret + "2 of 2 has 23 bytes after whsec_, not 24 to 64"},
		{"a secret must have at most 64 bytes", secrets(secretOf(65)),
			secret + "1 of 1 has 65 bytes after whsec_, not 24 to 64"},
		{"a secret must not be empty", secrets(secretOf(24) + ","),
			secret + "2 of 2 is empty; secrets are separated by one comma each"},
		{"the settings of the app are checked without APP_URL, too", func(f *config.Flags) { f.AppTimeout = "x" },
			`APP_TIMEOUT (--app-timeout): "x" is not a duration from 100ms to 11s, such as 8s or 2500ms; ` +
				`REQUEST_BUDGET is at most 12s, and 1s of it is kept for the commit`},
	})
}

// TestAppIsNotTheService lists URLs that lead to the service, and URLs like them that do not.
func TestAppIsNotTheService(t *testing.T) {
	interfaceIP, name := ownIP(t), hostName(t)
	rows := []struct{ name, app, addr, admin, want string }{
		{name: "the webhook's own URL", app: "https://sms.example.com/sms", want: "WEBHOOK_URL"},
		{name: "the fallback's own URL", app: "https://sms.example.com/sms/fallback", want: "FALLBACK_URL"},
		{name: "the webhook's URL with its default port", app: "https://sms.example.com:443/sms", want: "WEBHOOK_URL"},
		{name: "the webhook's URL in capitals", app: "HTTPS://SMS.Example.com./sms", want: "WEBHOOK_URL"},
		{name: "the webhook's URL with http", app: "http://sms.example.com/sms", want: "WEBHOOK_URL"},
		{name: "the webhook's URL with a slash and a query", app: "https://sms.example.com/sms/?x", want: "WEBHOOK_URL"},
		{name: "the webhook's URL with an escape", app: "https://sms.example.com/%73ms", want: "WEBHOOK_URL"},
		{name: "another path of our host", app: "https://sms.example.com/bot"},
		{name: "another port of our host", app: "https://sms.example.com:8443/sms"},
		{name: "another host", app: "https://bot.example.com/sms"},
		{name: "localhost at the port of all interfaces", app: "http://LocalHost:8080/bot", want: "ADDR"},
		{name: "a name below localhost", app: "http://bot.localhost:8080", want: "ADDR"},
		{name: "127.0.0.2, which is one of all interfaces", app: "http://127.0.0.2:8080/", want: "ADDR"},
		{name: "::1", app: "http://[::1]:8080/sms", want: "ADDR"},
		{name: "127.0.0.1 written as an IPv6 address", app: "http://[::ffff:127.0.0.1]:8080/sms", want: "ADDR"},
		{name: "0.0.0.0, which leads to this host", app: "http://0.0.0.0:8080/sms", want: "ADDR"},
		{name: "an address of an interface", app: "http://" + interfaceIP + ":8080/sms", want: "ADDR"},
		{name: "the name of this host", app: "http://" + name + ":8080/sms", want: "ADDR"},
		{name: "the default port of http", app: "http://localhost/sms", addr: "0.0.0.0:80", want: "ADDR"},
		{name: "the default port of https", app: "https://localhost/sms", addr: "[::]:443", want: "ADDR"},
		{name: "the private listener", app: "http://127.0.0.1:9464/", want: "ADMIN_ADDR"},
		{name: "localhost at the port of 127.0.0.1", app: "http://localhost:9464/", want: "ADMIN_ADDR"},
		{name: "the host of ADDR", app: "http://sms-1:8080/sms", addr: "sms-1:8080", want: "ADDR"},
		{name: "the address of ADDR written as an IPv6 address", app: "http://[::ffff:192.0.2.1]:8080/sms",
			addr: "192.0.2.1:8080", want: "ADDR"},
		{name: "another port of localhost", app: "http://localhost:3000/sms"},
		{name: "the port of ADDR at another host", app: "http://bot:8080/sms"},
		{name: "the port of ADDR at another address", app: "http://192.0.2.1:8080/sms"},
		{name: "another loopback address than that of ADDR", app: "http://127.0.0.2:8080/sms", addr: "127.0.0.1:8080"},
		{name: "localhost, if ADDR is an address of an interface", app: "http://localhost:8080/sms",
			addr: "192.0.2.1:8080"},
		{name: "a port that the system chooses", app: "http://localhost/sms", addr: ":0"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			f := required()
			f.AppURL, f.Addr = row.app, row.addr
			_, err := f.Config()
			want := ""
			if row.want != "" {
				want = "APP_URL (--app-url): the URL leads to this service itself (" + row.want +
					"): set it to the webhook of your own app"
				if strings.HasSuffix(row.want, "ADDR") {
					want += ", or choose another port for " + row.want
				}
			}
			if (err == nil) != (want == "") || err != nil && err.Error() != want {
				t.Errorf("got %v, want %q", err, want)
			}
		})
	}
}

// ownIP returns an address of this host that is not a loopback address, or 127.0.0.1 if there is none.
func ownIP(t *testing.T) string {
	t.Helper()
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range addrs {
		if ip := addr.(*net.IPNet).IP; ip.To4() != nil && !ip.IsLoopback() {
			return ip.String()
		}
	}
	return "127.0.0.1"
}

func hostName(t *testing.T) string {
	t.Helper()
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func TestAppOfDev(t *testing.T) {
	var f config.DevFlags
	parse(t, &f, map[string]string{"APP_PROTOCOL": "twilio"}, "--app", "http://localhost:3000/sms")
	if c, err := f.Config(); err != nil || c.App.URL != parseURL(t, "http://localhost:3000/sms") || !c.App.IsSet() {
		t.Errorf("got %v, %v", c.App, err)
	}
	f.AppURL = "http://localhost:8080/sms" // dev leaves its default port to the app
	if c, err := f.Config(); err != nil || c.Addr != "127.0.0.1:0" {
		t.Errorf("got %q, %v for an app at the default port of dev", c.Addr, err)
	}
	f.Port = "8080"
	if _, err := f.Config(); err == nil || !strings.Contains(err.Error(), "(ADDR)") {
		t.Errorf("got %v for the URL of dev itself", err)
	}
}

func TestAppWarnings(t *testing.T) {
	rows := []struct {
		name string
		set  func(*config.Flags)
		want []string
	}{
		{"an app needs no other setting", func(f *config.Flags) { f.AppURL = "http://bot" }, nil},
		{"a setting without APP_URL has no effect, unless it is the default",
			func(f *config.Flags) { f.AppSecret, f.AppTimeout, f.AppConcurrency = secretOf(24), "7s", "256" },
			[]string{"APP_TIMEOUT has no effect, because APP_URL is not set",
				"APP_SECRET has no effect, because APP_URL is not set"}},
		{"json without APP_URL needs no secret", func(f *config.Flags) { f.AppProtocol = "json" },
			[]string{"APP_PROTOCOL has no effect, because APP_URL is not set"}},
		{"APP_TIMEOUT is longer than the budget allows",
			func(f *config.Flags) { f.AppURL, f.RequestBudget = "http://bot", "5s" },
			[]string{"APP_TIMEOUT is 8s, but the app gets at most 4s: REQUEST_BUDGET less 1s"}},
		{"a secret is set, but nothing is signed with it",
			func(f *config.Flags) { f.AppURL, f.AppSecret = "http://bot", secretOf(24) },
			[]string{"APP_SECRET has no effect, because APP_PROTOCOL is not json"}},
		{"json imports no cookies", func(f *config.Flags) {
			f.AppURL, f.AppProtocol, f.AppSecret, f.AppImportCookies = "http://bot", "json", secretOf(24), "true"
		}, []string{"APP_IMPORT_COOKIES has no effect, because APP_PROTOCOL is json"}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if got := read(t, row.set).Warnings(); !slices.Equal(got, row.want) {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func TestRereadAppSecrets(t *testing.T) {
	flags := config.AppFlags{AppSecretFile: write(t, secretOf(24)+"\n"+secretOf(32))}
	if got, err := flags.RereadAppSecrets(); err != nil || len(got) != 2 || len(got[1]) != 32 {
		t.Errorf("got %d secrets, %v, want 2", len(got), err)
	}
	flags.AppSecretFile = write(t, "S3cr3t")
	if got, err := flags.RereadAppSecrets(); err == nil || got != nil || strings.Contains(err.Error(), "S3cr3t") {
		t.Errorf("got %d secrets, %v, want a fault that quotes nothing", len(got), err)
	}
	if got, err := (config.AppFlags{}).RereadAppSecrets(); err != nil || got != nil {
		t.Errorf("got %d secrets, %v without a secret", len(got), err)
	}
}
