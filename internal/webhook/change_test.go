package webhook_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"smsession/internal/twilio/rest"
	"smsession/internal/twiliotest"
	"smsession/internal/webhook"
)

// posts returns the requests that change something at Twilio.
func posts(twilio *twiliotest.Account) []string {
	return slices.DeleteFunc(twilio.Requests(), func(request string) bool { return strings.HasPrefix(request, "GET ") })
}

// set sets the webhook of the number.
func set(t *testing.T, account *rest.Account, target rest.Webhook, dryRun bool) (*webhook.Change, error) {
	t.Helper()
	return webhook.Set(t.Context(), account, ours().parse(t), webhook.Order{
		Number: twiliotest.ExampleNumber, Webhook: target, DryRun: dryRun, Unchecked: true,
	})
}

// text returns the table of a change.
func text(t *testing.T, change *webhook.Change) string {
	t.Helper()
	var table strings.Builder
	if err := change.WriteText(&table); err != nil {
		t.Error(err)
	}
	return table.String()
}

func TestSet(t *testing.T) {
	twilio, account := number(t, urls("https://old.example.com/in", "")...)
	first, err := set(t, account, ourWebhook(), false)
	if err != nil {
		t.Fatal(err)
	}
	n := twilio.Numbers[0]
	if n["sms_url"] != ourURL || n["sms_method"] != "POST" || n["sms_fallback_url"] != ourFallback ||
		n["sms_fallback_method"] != "POST" {
		t.Errorf("Twilio has %v", n)
	}
	if !first.Changed || first.Before.Webhook.URL.String() != "https://old.example.com/in" ||
		first.After.Webhook != ourWebhook() || !*first.After.Ours {
		t.Errorf("got %+v", first)
	}
	second, err := set(t, account, ourWebhook(), false)
	if err != nil || second.Changed || len(posts(twilio)) != 1 {
		t.Errorf("the second time, got %+v, %v, %q", second, err, posts(twilio))
	}
	for _, password := range []string{"secret", "another"} {
		url := "https://me:" + password + "@sms.example.com/sms"
		change, err := set(t, account, post(url, ourFallback), false)
		if err != nil || !change.Changed || twilio.Numbers[0]["sms_url"] != url {
			t.Fatalf("with the password %s, got %+v, %v", password, change, err)
		}
		object, err := json.Marshal(change)
		if err != nil || strings.Contains(string(object)+text(t, change), password) {
			t.Errorf("the password %s is in %s (%v) or in the table", password, object, err)
		}
	}
}

func TestDryRun(t *testing.T) {
	twilio, account := number(t, urls("https://old.example.com/in", "")...)
	change, err := set(t, account, ourWebhook(), true)
	if err != nil || change.Changed || change.After.Webhook != ourWebhook() || len(posts(twilio)) != 0 {
		t.Fatalf("got %+v, %v, %q", change, err, posts(twilio))
	}
	if table := text(t, change); !strings.Contains(table, "\nwould be           POST https://sms.example.com/sms\n") {
		t.Error(table)
	}
}

func TestSetErrors(t *testing.T) {
	t.Run("the earlier webhook is known if Twilio rejects the new one", func(t *testing.T) {
		_, account := number(t, urls("https://old.example.com/in", "")...)
		change, err := set(t, account, post("http://localhost/sms", ourFallback), false)
		if err == nil || err.Error() != "Twilio rejected the request (400, error 21402): SmsUrl is not valid: http://localhost/sms" ||
			change.Before.Webhook.URL.String() != "https://old.example.com/in" || change.After != nil {
			t.Errorf("got %+v, %v", change, err)
		}
	})
	t.Run("it is an error if Twilio sets another webhook", func(t *testing.T) {
		twilio, account := number(t, urls("https://old.example.com/in", "")...)
		twilio.Intercept = func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodPost {
				w.Header().Set("Content-Type", "application/json")
				_ = json.NewEncoder(w).Encode(twiliotest.Example("sms_url", "https://sms.example.com/SMS"))
			}
			return r.Method == http.MethodPost
		}
		change, err := set(t, account, ourWebhook(), false)
		if err == nil || !strings.Contains(err.Error(), "the webhook at Twilio differs from the one that was set") ||
			change.After != nil || change.Changed {
			t.Errorf("got %+v, %v", change, err)
		}
	})
}
