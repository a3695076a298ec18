package webhook_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"smsession/internal/twiliotest"
	"smsession/internal/webhook"
)

// verdict returns "yes", "no" or "not known".
func verdict(s *webhook.Status) string {
	switch {
	case s.Ours == nil:
		return "not known"
	case *s.Ours:
		return "yes"
	}
	return "no"
}

func TestOurs(t *testing.T) {
	proxied := settings{public: "https://sms.example.com", webhook: "https://sms.example.com/in"}
	const application = "APaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	for _, row := range []struct {
		name     string
		settings settings
		number   []any
		ours     string
		note     string // a part of it, "" if there must be none
	}{
		{"PUBLIC_URL with /sms is ours", ours(), urls(ourURL, ourFallback), "yes", ""},
		{"override, query, login and default port do not matter", ours(),
			urls("https://me:secret@sms.example.com:443/sms?a=b#rc=2", ourFallback), "yes", ""},
		{"PUBLIC_URL may have a path", settings{public: "https://example.com/texts/"},
			urls("https://example.com/texts/sms", "https://example.com/texts/sms/fallback"), "yes", ""},
		{"a missing fallback URL is noted", ours(), urls(ourURL, ""), "yes", "no fallback URL"},
		{"another service's fallback URL is noted", ours(), urls(ourURL, "https://old.example.com/"), "yes", "the fallback is not POST " + ourFallback},
		{"a fallback with GET is noted", ours(), append(urls(ourURL, ourFallback), "sms_fallback_method", "GET"), "yes", "the fallback is not POST"},
		{"another host is not ours", ours(), urls("https://old.example.com/sms", ourFallback), "no", "another URL than " + ourURL},
		{"another case is not ours, because Twilio signs it", ours(), urls("https://SMS.example.com/sms", ourFallback), "no", "another URL than"},
		{"another port is not ours", ours(), urls("https://sms.example.com:8443/sms", ourFallback), "no", "another URL than"},
		{"http is not ours", ours(), urls("http://sms.example.com/sms", ourFallback), "no", "another URL than"},
		{"a slash at the end is not ours", ours(), urls("https://sms.example.com/sms/", ourFallback), "no", "does not end in /sms"},
		{"the fallback URL is not ours", ours(), urls(ourFallback, ""), "no", "does not end in /sms"},
		{"no URL is not ours", ours(), urls("", ""), "no", "the number has no webhook"},
		{"the method GET is not ours", ours(), append(urls(ourURL, ourFallback), "sms_method", "GET"), "no", "has the method GET"},
		{"an application overrides the webhook", ours(), append(urls(ourURL, ourFallback), "sms_application_sid", application),
			"no", "the application " + application + " overrides"},
		{"WEBHOOK_URL is ours", proxied, urls("https://sms.example.com/in#rc=2", ourFallback), "yes", ""},
		{"with WEBHOOK_URL, PUBLIC_URL with /sms is not ours", proxied, urls(ourURL, ourFallback), "no", "another URL than https://sms.example.com/in,"},
		{"with WEBHOOK_URL, the fallback URL is compared with PUBLIC_URL", proxied,
			urls("https://sms.example.com/in", "https://old.example.com/"), "yes", "the fallback is not POST " +
				ourFallback},
		{"without a configured URL, it is not known", settings{}, urls(ourURL, ourFallback), "not known", "neither PUBLIC_URL nor WEBHOOK_URL is set"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, account := number(t, row.number...)
			got, err := webhook.Show(t.Context(), account, row.settings.parse(t), twiliotest.ExampleNumber)
			if err != nil {
				t.Fatal(err)
			}
			if verdict(got) != row.ours || row.note == "" && got.Note != "" || !strings.Contains(got.Note, row.note) {
				t.Errorf("ours: %s, %q", verdict(got), got.Note)
			}
			if object, err := json.Marshal(got); err != nil || strings.Contains(string(object), "secret") {
				t.Errorf("the password is in %s (%v)", object, err)
			}
		})
	}
}

func TestMessagingService(t *testing.T) {
	for _, row := range []struct {
		name, url      string
		usesNumbers    bool
		shown, verdict string
	}{
		{"it uses the number's webhook", "https://service.example.com/in", true, "MG1 (Support), which uses the number's webhook", "yes"},
		{"it overrides the number's webhook", "https://service.example.com/in", false,
			"MG1 (Support), which overrides it: POST https://service.example.com/in",
			"no: the Messaging Service MG1 overrides the number's webhook, and has a URL that does not end in /sms"},
		{"it overrides the number's webhook with our URL", ourURL, false, "MG1 (Support), which overrides it: POST " + ourURL, "yes"},
		{"the password in its URL is hidden", "https://me:secret@sms.example.com/sms", false,
			"MG1 (Support), which overrides it: POST https://•••@sms.example.com/sms", "yes"},
		{"it accepts no incoming messages", "", false, "MG1 (Support), which accepts no incoming messages",
			"no: the Messaging Service MG1 overrides the number's webhook, and has no webhook"},
	} {
		t.Run(row.name, func(t *testing.T) {
			twilio, account := number(t, urls(ourURL, ourFallback)...)
			twilio.Senders = map[string][]string{"MG1": {twiliotest.ExampleSID}}
			twilio.Services = []map[string]any{{"sid": "MG1", "friendly_name": "Support",
				"inbound_request_url": row.url, "inbound_method": "POST", "fallback_url": ourFallback,
				"fallback_method": "POST", "use_inbound_webhook_on_number": row.usesNumbers}}
			status, err := webhook.Show(t.Context(), account, ours().parse(t), twiliotest.ExampleNumber)
			if err != nil {
				t.Fatal(err)
			}
			var text strings.Builder
			err = status.WriteText(&text)
			if err != nil || !strings.HasSuffix(text.String(),
				"Messaging Service  "+row.shown+"\nours               "+row.verdict+"\n") {
				t.Errorf("%v, %s", err, &text)
			}
		})
	}
}

func TestUnknownMessagingService(t *testing.T) {
	twilio, account := number(t, urls(ourURL, ourFallback)...)
	twilio.Intercept = func(w http.ResponseWriter, r *http.Request) bool {
		return r.URL.Host == "messaging.twilio.com" && twiliotest.Reject(503, 20503, "Unavailable")(w, r)
	}
	status, err := webhook.Show(t.Context(), account, ours().parse(t), twiliotest.ExampleNumber)
	if err != nil {
		t.Fatal(err)
	}
	const want = "Messaging Service  not known: Twilio failed (503): try again later\n" +
		"ours               yes: unless the number is in a Messaging Service, which is not known: Twilio failed (503): try again later\n"
	var text strings.Builder
	if err := status.WriteText(&text); err != nil || !strings.HasSuffix(text.String(), want) {
		t.Errorf("%v, %s", err, &text)
	}
}
