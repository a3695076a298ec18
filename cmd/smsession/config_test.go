package main

import (
	"strings"
	"testing"

	"smsession/internal/webhooktest"
)

func TestConfigOfAnApp(t *testing.T) {
	t.Setenv("PUBLIC_URL", webhooktest.PublicURL)
	t.Setenv("TWILIO_AUTH_TOKEN", webhooktest.AuthToken)
	t.Setenv("REDIS_URL", "redis://redis")
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
