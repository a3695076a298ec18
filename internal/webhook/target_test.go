package webhook_test

import (
	"strings"
	"testing"

	"smsession/internal/webhook"
)

func TestTarget(t *testing.T) {
	public := func(url string) settings { return settings{public: url} }
	for _, row := range []struct {
		name              string
		settings          settings
		url               string
		primary, fallback string
	}{
		{"PUBLIC_URL may have a path and a slash", public("https://sms.example.com/a/"), "",
			"https://sms.example.com/a/sms", "https://sms.example.com/a/sms/fallback"},
		{"an override and a login of PUBLIC_URL are kept", public("https://me:secret@sms.example.com#rc=2"), "",
			"https://me:secret@sms.example.com/sms#rc=2", "https://me:secret@sms.example.com/sms/fallback#rc=2"},
		{"--url takes precedence over PUBLIC_URL", public("https://old.example.com"), ourURL, ourURL, ourFallback},
		{"--url needs no PUBLIC_URL", settings{}, ourURL + "?a=b#ct=100", ourURL + "?a=b#ct=100", ourFallback + "?a=b#ct=100"},
		{"--url may be surrounded by white space", settings{}, " " + ourURL + "\n", ourURL, ourFallback},
		{"FALLBACK_URL may have another path", settings{fallback: "https://sms.example.com/b/sms/fallback"}, ourURL,
			ourURL, "https://sms.example.com/b/sms/fallback"},
		{"FALLBACK_URL takes precedence over the default of --url", settings{public: "https://sms.example.com", fallback: ourFallback},
			"https://new.example.com/sms", "https://new.example.com/sms", ourFallback},
		{"WEBHOOK_URL and FALLBACK_URL are kept", settings{webhook: "https://sms.example.com/in#rc=2", fallback: "https://sms.example.com/else"}, "",
			"https://sms.example.com/in#rc=2", "https://sms.example.com/else"},
		{"with WEBHOOK_URL, the fallback URL comes from PUBLIC_URL", settings{public: "https://sms.example.com", webhook: "https://sms.example.com/in/sms"}, "",
			"https://sms.example.com/in/sms", ourFallback},
		{"--url may be WEBHOOK_URL with an override", settings{public: "https://sms.example.com", webhook: "https://sms.example.com/in"},
			"https://sms.example.com/in#rc=2", "https://sms.example.com/in#rc=2", ourFallback + "#rc=2"},
		{"--url may be PUBLIC_URL's with an override", ours(), ourURL + "#rc=2", ourURL + "#rc=2", ourFallback + "#rc=2"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := webhook.Target(row.settings.parse(t), row.url, row.settings.fallback, false)
			if err != nil || got != post(row.primary, row.fallback) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestTargetErrors(t *testing.T) {
	proxied := settings{public: "https://sms.example.com", webhook: "https://sms.example.com/in"}
	const (
		noURL    = "there is no URL to set"
		notURL   = "--url cannot be used: "
		notRoute = "the webhook's URL does not end in /sms,"
		notHTTPS = "a URL is not https"
	)
	for _, row := range []struct {
		name     string
		settings settings
		url      string
		want     string
	}{
		{"without a URL, there is nothing to set", settings{}, "", noURL},
		{"--url needs a scheme of the web", ours(), "ftp://S3cr3t@sms.example.com/sms", notURL},
		{"--url needs a host", ours(), "https:///sms", notURL},
		{"--url needs a valid login", ours(), "https://me:S3cr3t%@sms.example.com/sms", notURL},
		{"--url must not contain a space", ours(), "https://sms.example.com/S3cr3t /sms", notURL},
		{"--url must not contain a control character", ours(), "https://sms.example.com/S3cr3t\x1b/sms", notURL},
		{"--url must end in the route", ours(), "https://sms.example.com/", notRoute},
		{"--url must not have a slash after the route", ours(), "https://sms.example.com/sms/", notRoute},
		{"the route must not be in the fragment", ours(), "https://sms.example.com/#/sms", notRoute},
		{"--url is not the fallback URL", ours(), ourFallback, notRoute},
		{"--url must not have a longer path than WEBHOOK_URL", proxied, "https://sms.example.com/in/x", notRoute},
		{"--url must have the same query as WEBHOOK_URL", proxied, "https://sms.example.com/in?a=b", notRoute},
		{"the fallback URL must not be the webhook's URL", settings{public: "https://sms.example.com", fallback: ourURL}, "",
			"the fallback URL does not end in /sms/fallback, and is the webhook's own URL"},
		{"the fallback URL must not be WEBHOOK_URL with an override", settings{webhook: "https://sms.example.com/in", fallback: "https://sms.example.com/in#rc=2"}, "",
			"the fallback URL does not end in /sms/fallback, and is the webhook's own URL"},
		{"WEBHOOK_URL without the route needs a fallback URL", settings{webhook: "https://sms.example.com/in"}, "", "there is no fallback URL"},
		{"--url must be https", ours(), "http://sms.example.com/sms", notHTTPS},
		{"PUBLIC_URL must be https", settings{public: "http://sms.example.com"}, "", notHTTPS},
		{"FALLBACK_URL must be https", settings{public: "https://sms.example.com", fallback: "http://sms.example.com/sms/fallback"}, "", notHTTPS},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := webhook.Target(row.settings.parse(t), row.url, row.settings.fallback, false)
			if err == nil || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "S3cr3t") {
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
	t.Run("http is allowed on request", func(t *testing.T) {
		got, err := webhook.Target(settings{}.parse(t), "http://sms.example.com/sms", "", true)
		if err != nil || got != post("http://sms.example.com/sms", "http://sms.example.com/sms/fallback") {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

func TestCheckNumber(t *testing.T) {
	for number, want := range map[string]bool{
		"+18089255327": true, "+12": true, "+123456789012345": true,
		"18089255327": false, "+1 808 925 5327": false, "+1808925532O": false, "+1234567890123456": false, "+1": false, "+": false, "": false,
		"+01": false, "+1*": false, "whatsapp:+18089255327": false, "12345": false,
	} {
		if err := webhook.CheckNumber(number); (err == nil) != want {
			t.Errorf("%q: %v", number, err)
		}
	}
}
