package main

import (
	"strings"
	"testing"

	"smsession/internal/redistest"
	"smsession/internal/twiliotest"
	"smsession/internal/webhooktest"
)

func TestConfigOfAnApp(t *testing.T) {
	t.Setenv("PUBLIC_URL", webhooktest.PublicURL)
	t.Setenv("TWILIO_AUTH_TOKEN", webhooktest.AuthToken)
	server := redistest.Start(t, redistest.Options{AppendOnly: true})
	t.Setenv("REDIS_URL", server.URL())
	for _, row := range []struct {
		name, url      string
		status         int
		stdout, stderr string // parts of the output
	}{
		{"the secrets of its URL are masked", "http://S3cr3t:S3cr3t@bot:3000/sms?key=S3cr3t", 0, "http://bot:3000/sms?•••\n", ""},
		{"the service is not its own app", webhooktest.PublicURL + ":443/sms", 2, "",
			"smsession: APP_URL (--app-url): the URL leads to this service itself (WEBHOOK_URL): set it to the webhook of your own app\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var stdout, stderr strings.Builder
			p := &process{stdout: &stdout, stderr: &stderr}
			if status := run(t.Context(), p, []string{"config", "--app-url", row.url}); status != row.status ||
				!strings.Contains(stdout.String(), row.stdout) || stderr.String() != row.stderr {
				t.Errorf("exit status %d, %s%s", status, stdout.String(), stderr.String())
			}
			if printed := stdout.String() + stderr.String(); strings.Contains(printed, "S3cr3t") {
				t.Errorf("a secret is in %s", printed)
			}
		})
	}
}

// TestConfigHasTheURLsOfSet compares the URLs that config prints with those that webhook set would set.
func TestConfigHasTheURLsOfSet(t *testing.T) {
	for name, settings := range map[string][]string{
		"PUBLIC_URL":             {"--public-url=https://sms.example.com/in/"},
		"PUBLIC_URL and a login": {"--public-url=https://me:S3cr3t@sms.example.com#rc=2"},
		"WEBHOOK_URL with an override": {
			"--public-url=https://sms.example.com", "--webhook-url=https://sms.example.com/in#rc=2"},
		"WEBHOOK_URL and FALLBACK_URL": {
			"--webhook-url=https://sms.example.com/in", "--fallback-url=https://b.example.com/else"},
		"FALLBACK_URL and PUBLIC_URL": {
			"--public-url=https://sms.example.com", "--fallback-url=https://b.example.com/sms/fallback"},
		"URLs that are not https": {"--public-url=http://sms.example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOperator(t)
			t.Setenv("REDIS_URL", "redis://127.0.0.1:1")
			var stdout, stderr strings.Builder
			p := &process{stdout: &stdout, stderr: &stderr}
			status := run(t.Context(), p, append([]string{"config"}, settings...))
			var urls []string
			for line := range strings.Lines(stdout.String()) {
				if _, url, found := strings.Cut(strings.TrimSpace(line), "  POST "); found {
					urls = append(urls, url)
				}
			}
			if status != 0 || len(urls) != 2 || strings.Contains(stdout.String(), "S3cr3t") {
				t.Fatalf("exit status %d, %s%s", status, stdout.String(), stderr.String())
			}
			_, printed, _ := o.run(t, append([]string{"set", twiliotest.ExampleNumber, "--dry-run", "--unchecked",
				"--allow-http"}, settings...)...)
			if !strings.Contains(printed, "would be           POST "+urls[0]+"\n") ||
				!strings.Contains(printed, "  fallback         POST "+urls[1]+"\n") {
				t.Errorf("config prints %q, and set prints\n%s", urls, printed)
			}
		})
	}
}
