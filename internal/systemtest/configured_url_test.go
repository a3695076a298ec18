package systemtest

import (
	"net/http"
	"testing"

	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

// TestConfiguredURLs has a proxy that maps its own paths to the service's routes. Twilio signs the URL that it is
// configured with.
func TestConfiguredURLs(t *testing.T) {
	const (
		inbound, sorry   = "https://x.example/twilio/inbound", "https://x.example/twilio/sorry"
		first, second    = "AC00000000000000000000000000000001", "AC00000000000000000000000000000002"
		firstT, secondT  = "11111111111111111111111111111111", "22222222222222222222222222222222"
		secondOld, other = "33333333333333333333333333333333", "44444444444444444444444444444444"
	)
	r := startReplica(t, redistest.Start(t, redistest.Options{}).URL(), "PUBLIC_URL=", "WEBHOOK_URL="+inbound+"#rc=2",
		"FALLBACK_URL="+sorry,
		"TWILIO_ACCOUNT_SID="+first+","+second, "TWILIO_AUTH_TOKEN="+first+":"+firstT+","+second+":"+secondT+","+second+":"+secondOld)
	rows := []struct {
		name, route, query, account, token, signed string
		status                                     int
	}{
		{"the webhook is signed with its configured URL", "/sms", "", first, firstT, inbound, http.StatusOK},
		{"the fallback is signed with its configured URL", "/sms/fallback", "", first, firstT, sorry, http.StatusOK},
		{"the query is that of the request", "/sms", "?a=%41&b", first, firstT, inbound + "?a=%41&b", http.StatusOK},
		{"an account signs with its own token", "/sms", "", second, secondT, inbound, http.StatusOK},
		{"an account signs with its old token", "/sms", "", second, secondOld, inbound, http.StatusOK},
		{"another account's token is refused", "/sms", "", first, secondT, inbound, http.StatusForbidden},
		{"an unknown token is refused", "/sms", "", first, other, inbound, http.StatusForbidden},
		{"the request's own path is not signed", "/sms", "", first, firstT, "https://x.example/sms", http.StatusForbidden},
		{"the signature of the webhook is refused at the fallback", "/sms/fallback", "", first, firstT, inbound, http.StatusForbidden},
		{"the fragment is not signed", "/sms", "", first, firstT, inbound + "#rc=2", http.StatusForbidden},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			s := newSender(t)
			form := s.Form(webhooktest.NewSID(), "hello")
			form.Set("AccountSid", row.account)
			request := s.Request(r.url, row.route+row.query, form, "")
			request.Header.Set("X-Twilio-Signature", webhooktest.Sign(row.token, row.signed, form))
			got, err := s.Do(request)
			if err != nil || got.Status != row.status {
				t.Errorf("got %d %s, %v, want %d", got.Status, got.Body, err, row.status)
			}
			if row.status == http.StatusOK && got.Text() != webhooktest.Greeting(1) {
				t.Errorf("got %s", got.Text())
			}
		})
	}
}
