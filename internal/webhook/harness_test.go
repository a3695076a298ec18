package webhook_test

import (
	"net/http"
	"testing"

	"smsession/internal/config"
	"smsession/internal/twilio/rest"
	"smsession/internal/twiliotest"
	"smsession/internal/weburl"
)

const (
	ourURL      = "https://sms.example.com/sms"
	ourFallback = "https://sms.example.com/sms/fallback"
)

// settings are the URLs of a configuration.
type settings struct{ public, webhook, fallback string }

// ours is the configuration of a service at https://sms.example.com.
func ours() settings { return settings{public: "https://sms.example.com"} }

// parse returns the configuration.
func (s settings) parse(t *testing.T) config.REST {
	t.Helper()
	cfg, err := config.RESTFlags{
		TwilioFlags: config.TwilioFlags{PublicURL: s.public, TwilioAccountSID: twiliotest.AccountSID},
		WebhookFlags: config.WebhookFlags{
			WebhookURL: s.webhook, FallbackURL: s.fallback, TwilioAuthToken: twiliotest.AuthToken,
		},
	}.Config()
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// number returns a stand-in for Twilio that has a number with some fields, and a client for it.
func number(t *testing.T, fields ...any) (*twiliotest.Account, *rest.Account) {
	t.Helper()
	twilio := twiliotest.New(t, twiliotest.Example(fields...))
	return twilio, &rest.Account{SID: twiliotest.AccountSID, AuthToken: twiliotest.AuthToken, Transport: twilio}
}

// urls returns fields of a number: its webhook, with the method POST, and its fallback URL.
func urls(webhook, fallback string) []any {
	return []any{"sms_url", webhook, "sms_method", "POST", "sms_fallback_url", fallback}
}

// respond returns a service that gives one response.
func respond(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "https://sms.example.com/healthz")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// post returns a webhook with the method POST.
func post(url, fallback string) rest.Webhook {
	return rest.Webhook{
		URL: weburl.Split(url), Method: "POST", FallbackURL: weburl.Split(fallback), FallbackMethod: "POST",
	}
}

// ourWebhook is the webhook of the service.
func ourWebhook() rest.Webhook { return post(ourURL, ourFallback) }
