package target

import (
	"testing"

	"smsession/internal/devservice"
	"smsession/internal/phone"
	"smsession/internal/twilio"
)

func TestToken(t *testing.T) {
	const first, second = "AC00000000000000000000000000000001", "AC00000000000000000000000000000002"
	for _, row := range []struct{ name, tokens, accounts, token, account string }{
		{"the first of several tokens is used", "one,two", "", "one", ""},
		{"the account is that of the first token", first + ":one," + second + ":two", "", "one", first},
		{"the token is that of the account", "any," + first + ":one," + second + ":two", second, "two", second},
		{"the first of several accounts is used", second + ":two," + first + ":one", " " + first + "," + second, "one", first},
		{"a token may be for any account", first + ":one,any", second, "any", second},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := Flags{AuthToken: row.tokens, AccountSID: row.accounts}.token()
			if want := (twilio.Token{Account: row.account, Value: row.token}); err != nil || got != want {
				t.Errorf("got %+v, %v, want %+v", got, err, want)
			}
		})
	}
}

func TestDescribe(t *testing.T) {
	for _, row := range []struct {
		name    string
		webhook phone.Endpoint
		service *devservice.Service
		want    string
	}{
		{"the webhook is named without its secrets", phone.Endpoint{URL: "http://user:s3cret@localhost:5000/sms?s3cret#rt=1"},
			nil, "http://localhost:5000/sms?•••"},
		{"the address is named, not the URL at Twilio",
			phone.Endpoint{URL: "https://sms.example.com/sms", Address: "http://127.0.0.1:8080/sms"},
			nil, "http://127.0.0.1:8080/sms"},
		{"a smsession dev is named", phone.Endpoint{URL: "http://127.0.0.1:8080/sms"},
			new(devservice.Service), "http://127.0.0.1:8080/sms (the running smsession dev)"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := Describe(phone.Options{Webhook: row.webhook}, row.service); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}
