package config_test

import (
	"slices"
	"strings"
	"testing"

	"smsession/internal/config"
)

func TestTheRESTAPINeedsAnAccountAndItsToken(t *testing.T) {
	const sid = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	account := "TWILIO_ACCOUNT_SID (--twilio-account-sid): "
	authToken := "TWILIO_AUTH_TOKEN (--twilio-auth-token): "
	rows := []struct {
		name, sid, token, url string
		want                  []string // faults
	}{
		{"both, and nothing else", sid, token, "", nil},
		{"several tokens", sid, token + ",other", "https://sms.example.com", nil},
		{"neither", "", "", "", []string{
			authToken + "is required, itself or as TWILIO_AUTH_TOKEN_FILE: the auth token of the Twilio account; several by commas",
			account + "is required: the account that has the number: AC and 32 hexadecimal digits"}},
		{"a SID that is none", "AC12", token, "", []string{account + "is not an account SID: AC and 32 hexadecimal digits"}},
		{"a token that cannot be one", sid, "to:ken", "", []string{
			authToken + "has other characters than letters and digits in its first token, so it is none of Twilio's"}},
		{"a token in another script", sid, "ключ", "", []string{
			authToken + "has other characters than letters and digits in its first token, so it is none of Twilio's"}},
		{"a second token that cannot be one, which is not used", sid, token + ",to:ken", "", nil},
		{"a public URL that is none", sid, token, "sms.example.com", []string{"PUBLIC_URL (--public-url): must begin with https:// or http://"}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			f := config.RESTFlags{TwilioAccountSID: row.sid}
			f.TwilioAuthToken, f.PublicURL = row.token, row.url
			c, err := f.Config()
			if row.want != nil {
				if err == nil || !slices.Equal(strings.Split(err.Error(), "\n"), row.want) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil || c.AccountSID != sid || c.AuthTokens[0] != token || c.PublicURL != row.url {
				t.Errorf("got %v, %v", c, err)
			}
		})
	}
}
