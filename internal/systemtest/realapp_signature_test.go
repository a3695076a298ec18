package systemtest

import (
	"net/http"
	"testing"

	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

// TestSignatureStyles runs apps that verify signatures in different ways, with APP_PUBLIC_URL set to the URL that
// Twilio is configured with, and without it. deploy/README.md has the same table.
func TestSignatureStyles(t *testing.T) {
	t.Parallel()
	const public = webhooktest.PublicURL + "/sms"
	server := redistest.Start(t, redistest.Options{})
	for _, row := range []struct {
		name, app, verify string
		public, called    bool // whether the app accepts the message
	}{
		{"twilio.webhook() behind a trusted proxy", "cookie-session", "proxy", true, true},
		{"twilio.webhook() with a fixed URL", "cookie-session", public, true, false},
		{"twilio.webhook() alone", "cookie-session", "called", false, true},
		{"Flask with request.url", "Flask", "", false, true},
	} {
		app := startApp(t, row.app, "SESSION=cookie-session", "VERIFY="+row.verify)
		check := func(name string, accepts bool, settings ...string) {
			t.Run(row.name+": "+name, func(t *testing.T) {
				r := startReplica(t, server.URL(), append(settings, "APP_URL="+app.url)...)
				got := newSender(t).deliver(r.url, "/sms", webhooktest.NewSID(), "")
				switch {
				case accepts && got.Text() != webhooktest.Greeting(1):
					t.Errorf("the message gets %q, want an answer", got.Text())
				case !accepts && got.Status != http.StatusServiceUnavailable:
					t.Errorf("the message gets %q, want the fault of an app that refuses it", got.Text())
				}
			})
		}
		check("APP_PUBLIC_URL is the URL of Twilio", row.public, "APP_PUBLIC_URL="+public)
		check("APP_PUBLIC_URL is not set", row.called)
	}
}
