package config_test

import (
	"strings"
	"testing"

	"smsession/internal/config"
	"smsession/internal/weburl"
)

func parseURL(t *testing.T, text string) weburl.URL {
	t.Helper()
	u, err := weburl.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestPublicURL(t *testing.T) {
	rows := []struct {
		name, value, want string
		insecure          bool
	}{
		{name: "the last slash is dropped", value: "https://h.example/", want: "https://h.example"},
		{name: "the last slash of a path is dropped", value: "https://h.example/a/", want: "https://h.example/a"},
		{name: "only the last slash is dropped", value: "https://h.example/a//", want: "https://h.example/a/"},
		{name: "every byte of the path is kept", value: "https://h.example/%2f/a%20b/ü/.././;x",
			want: "https://h.example/%2f/a%20b/ü/.././;x"},
		{name: "the case of the host is kept", value: "https://MyCompany.Example", want: "https://MyCompany.Example"},
		{name: "the case of the scheme is kept", value: "HTTPS://h.example", want: "HTTPS://h.example"},
		{name: "a default port is kept", value: "https://h.example:443/", want: "https://h.example:443"},
		{name: "any other port is kept", value: "https://h.example:8443/x", want: "https://h.example:8443/x"},
		{name: "the fragment is not signed", value: "https://h.example/x#rc=2&rp=all", want: "https://h.example/x"},
		{name: "the last slash before a fragment is dropped", value: "https://h.example/#rc=2",
			want: "https://h.example"},
		{name: "user and password are not signed", value: "https://user:p@ss@h.example/x", want: "https://h.example/x"},
		{name: "an @ in the path is kept", value: "https://h.example/@me", want: "https://h.example/@me"},
		{name: "the host may be an IPv6 address", value: "https://[2001:db8::1]:8443",
			want: "https://[2001:db8::1]:8443"},
		{name: "white space around the URL is dropped", value: " https://h.example\n", want: "https://h.example"},
		{name: "http is not HTTPS", value: "http://localhost:8080", want: "http://localhost:8080", insecure: true},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got := read(t, func(f *config.Flags) { f.PublicURL = row.value })
			if got.PublicURL.String() != row.want || got.PublicURL.IsHTTPS() == row.insecure {
				t.Errorf("got %q, HTTPS %t; want %q, HTTPS %t", got.PublicURL, got.PublicURL.IsHTTPS(), row.want,
					!row.insecure)
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
		{name: "the URLs are below PUBLIC_URL by default", publicURL: public + "/a/#rc=2",
			wantWebhook: public + "/a/sms", wantFallback: public + "/a/sms/fallback"},
		{name: "PUBLIC_URL is not needed if both URLs are set", webhook: "https://x.example/twilio/inbound",
			fallback:    "https://y.example/sorry",
			wantWebhook: "https://x.example/twilio/inbound", wantFallback: "https://y.example/sorry"},
		{name: "one of the two URLs may be set", publicURL: public, webhook: "https://x.example/twilio/inbound",
			wantWebhook: "https://x.example/twilio/inbound", wantFallback: public + "/sms/fallback"},
		{name: "every byte is kept", publicURL: public, webhook: "https://X.example:443/%2f/a'b/ü/.././;x/",
			fallback:    "https://x.example/",
			wantWebhook: "https://X.example:443/%2f/a'b/ü/.././;x/", wantFallback: "https://x.example/"},
		{name: "fragment, user and password are not signed", publicURL: public,
			webhook:  "https://me:p@ss@x.example/in#rc=2&rp=all",
			fallback: " https://x.example/sorry#rt=5000\n", wantWebhook: "https://x.example/in",
			wantFallback: "https://x.example/sorry"},
		{name: "WEBHOOK_URL may be http when PUBLIC_URL is https", publicURL: public, webhook: "http://x.example/in",
			wantWebhook: "http://x.example/in", wantFallback: public + "/sms/fallback", insecure: true},
		{name: "WEBHOOK_URL may be https when PUBLIC_URL is http", publicURL: "http://x.example",
			webhook:     "https://x.example/in",
			wantWebhook: "https://x.example/in", wantFallback: "http://x.example/sms/fallback"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got := read(t, func(f *config.Flags) {
				f.PublicURL, f.WebhookURL, f.FallbackURL = row.publicURL, row.webhook, row.fallback
			})
			if got.WebhookURL.String() != row.wantWebhook || got.FallbackURL.String() != row.wantFallback ||
				got.WebhookURL.IsHTTPS() == row.insecure {
				t.Errorf("got %q and %q, HTTPS %t", got.WebhookURL, got.FallbackURL, got.WebhookURL.IsHTTPS())
			}
		})
	}
}

func TestConfiguredURL(t *testing.T) {
	rows := []struct{ name, publicURL, webhook, want string }{
		{"every byte is kept", "", "HTTPS://me:p@ss@X.example:443/%2f/in#rc=2&rp=all",
			"HTTPS://me:p@ss@X.example:443/%2f/in#rc=2&rp=all"},
		{"an empty fragment is kept", "", "https://x.example/in#", "https://x.example/in#"},
		{"the route is before the fragment of PUBLIC_URL", "https://me:pass@x.example/a/#rc=2", "",
			"https://me:pass@x.example/a/sms#rc=2"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got := read(t, func(f *config.Flags) {
				f.PublicURL, f.WebhookURL, f.FallbackURL = row.publicURL, row.webhook, "https://x.example/sorry"
			})
			if got.WebhookURL.Configured() != row.want {
				t.Errorf("got %q, want %q", got.WebhookURL.Configured(), row.want)
			}
		})
	}
	if got := (weburl.URL{}).Configured(); got != "" {
		t.Errorf("the zero URL is %q", got)
	}
}

func TestURLFaults(t *testing.T) {
	const (
		begin   = "the URL does not begin with https:// or http://"
		query   = "the URL has a query (a ? and what follows): leave it out, because the query of each request is used"
		port    = "the port is not a number from 1 to 65535"
		invalid = "the URL is not valid: write it as in https://sms.example.com"
		blank   = "the URL has a space or a control character"
	)
	for _, row := range []struct{ name, value, want string }{
		{"a URL must have a scheme", "sms.example.com", begin},
		{"a URL must be http or https", "ftp://sms.example.com", begin},
		{"a URL must have slashes after its scheme", "https:sms.example.com", begin},
		{"a URL must have a host", "https://", "the URL has no host"},
		{"a URL must have a host before its path", "https:///sms", "the URL has no host"},
		{"a URL must have a host before its port", "https://:443", "the URL has no host"},
		{"the host must not be a placeholder", "https://<host>", "the host is neither a name nor an IP address"},
		{"a query is refused", "https://h/?a=1", query},
		{"an empty query is refused", "https://h/?", query},
		{"a space is refused", "https://h/a b", blank},
		{"a control character is refused", "https://h/a\x00b", blank},
		{"a space in the fragment is refused", "https://h/#a b", blank},
		{"a port must be a number", "https://h:https", invalid},
		{"a port must be at least 1", "https://h:0", port},
		{"a port must be at most 65535", "https://h:65536", port},
		{"a port must not be empty", "https://h:/", port},
		{"an invalid escape is refused", "https://h/%zz", invalid},
		{"a # in a password does not cut off the host", "https://user:12#34@h",
			"the URL has a # before the @: in a user or password, write %23 for #"},
	} {
		checkFaults(t, []faultRow{
			{row.name + ": PUBLIC_URL", func(f *config.Flags) { f.PublicURL = row.value },
				"PUBLIC_URL (--public-url): " + row.want},
			{row.name + ": WEBHOOK_URL", func(f *config.Flags) { f.WebhookURL = row.value },
				"WEBHOOK_URL (--webhook-url): " + row.want},
			{row.name + ": FALLBACK_URL", func(f *config.Flags) { f.FallbackURL = row.value },
				"FALLBACK_URL (--fallback-url): " + row.want},
		})
	}
}

// FuzzPublicURL checks that an accepted URL can be signed: it has a scheme, a
// host and a path, and their bytes are those that were configured.
func FuzzPublicURL(f *testing.F) {
	for _, raw := range malformed() {
		f.Add(raw)
	}
	f.Add("https://user:p@ss@Host.example:443/a//#rc=2")
	f.Add("HTTP://[::1]:8080/%2f")
	f.Fuzz(func(t *testing.T, raw string) {
		var flags config.DevFlags
		flags.PublicURL = raw
		c, err := flags.Config()
		if err != nil || c.PublicURL == (weburl.URL{}) {
			return
		}
		scheme, rest, found := strings.Cut(c.PublicURL.String(), "://")
		authority, path, _ := strings.Cut(rest, "/")
		if !found || authority == "" || strings.ContainsAny(authority, "@ ") || strings.ContainsAny(path, "?# ") {
			t.Errorf("%q: accepted as %q", raw, c.PublicURL)
		}
		if !strings.Contains(raw, authority) || !strings.Contains(raw, path) {
			t.Errorf("%q: bytes changed to %q", raw, c.PublicURL)
		}
		if c.PublicURL.IsHTTPS() != strings.EqualFold(scheme, "https") {
			t.Errorf("%q: HTTPS is %t", raw, c.PublicURL.IsHTTPS())
		}
		u, err := weburl.Parse(strings.TrimSpace(raw))
		if err != nil || u.Configured() != strings.TrimSpace(raw) {
			t.Errorf("%q: configured as %q, %v", raw, u.Configured(), err)
		}
	})
}
