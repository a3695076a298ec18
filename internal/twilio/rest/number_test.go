package rest_test

import (
	"net/http"
	"slices"
	"testing"

	"smsession/internal/twilio/rest"
	"smsession/internal/twiliotest"
	"smsession/internal/weburl"
)

// account returns a client for Twilio's stand-in.
func account(twilio *twiliotest.Account) *rest.Account {
	return &rest.Account{SID: twiliotest.AccountSID, AuthToken: twiliotest.AuthToken, Transport: twilio}
}

func TestNumber(t *testing.T) {
	const otherSID = "PNbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	for _, row := range []struct {
		name, number, sid, err string
		numbers                []map[string]any
	}{
		{"the only number is found", twiliotest.ExampleNumber, twiliotest.ExampleSID, "", []map[string]any{twiliotest.Example()}},
		{"a number on the second page is found", "+1808925532", otherSID, "", []map[string]any{
			twiliotest.Example(), twiliotest.Example("sid", otherSID, "phone_number", "+1808925532")}},
		{"a longer number with the same beginning is another number", "+1808925532", "",
			"the account has no number +1808925532", []map[string]any{twiliotest.Example()}},
		{"an account without numbers is an error", "+15005550006", "", "the account has no number +15005550006", nil},
		{"a number that the account has twice is an error", twiliotest.ExampleNumber, "",
			"the account has the number +18089255327 2 times, so it is not clear which one is meant",
			[]map[string]any{twiliotest.Example(), twiliotest.Example("sid", otherSID)}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := account(twiliotest.New(t, row.numbers...)).Number(t.Context(), row.number)
			if got.SID != row.sid || message(err) != row.err {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
	t.Run("all fields are read, and null is read as empty", func(t *testing.T) {
		twilio := twiliotest.New(t, twiliotest.Example("sms_url", "https://sms.example.com/sms#rc=2", "sms_method",
			"GET",
			"sms_fallback_url", nil, "sms_fallback_method", "POST", "sms_application_sid", "APaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"))
		got, err := account(twilio).Number(t.Context(), twiliotest.ExampleNumber)
		want := rest.Number{
			SID: twiliotest.ExampleSID, PhoneNumber: twiliotest.ExampleNumber, FriendlyName: "(808) 925-5327",
			Webhook: rest.Webhook{URL: weburl.Split("https://sms.example.com/sms#rc=2"), Method: "GET",
				FallbackMethod: "POST"},
			ApplicationSID: "APaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		}
		if err != nil || got != want {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

// message returns the text of an error, or "" if there is none.
func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// webhook has connection overrides in its fragment. They must reach Twilio unchanged.
func webhook() rest.Webhook {
	return rest.Webhook{
		URL: weburl.Split("https://sms.example.com/sms#rc=2&rp=all"), Method: http.MethodPost,
		FallbackURL: weburl.Split("https://sms.example.com/sms/fallback"), FallbackMethod: http.MethodPost,
	}
}

func TestSetWebhook(t *testing.T) {
	twilio := twiliotest.New(t, twiliotest.Example("voice_url", "https://voice.example.com"))
	got, err := account(twilio).SetWebhook(t.Context(), twiliotest.ExampleSID, webhook())
	if err != nil || got.Webhook != webhook() || twilio.Numbers[0]["sms_url"] != webhook().URL.Configured() {
		t.Errorf("got %+v, %v", got, err)
	}
	// Nothing but the webhook for messages is set.
	want := "POST /2010-04-01/Accounts/AC/IncomingPhoneNumbers/" + twiliotest.ExampleSID + ".json " +
		"SmsFallbackMethod=POST&SmsFallbackUrl=https%3A%2F%2Fsms.example.com%2Fsms%2Ffallback" +
		"&SmsMethod=POST&SmsUrl=https%3A%2F%2Fsms.example.com%2Fsms%23rc%3D2%26rp%3Dall"
	if requests := twilio.Requests(); !slices.Equal(requests, []string{want}) {
		t.Errorf("the requests are %q", requests)
	}
}
