package target

import (
	"testing"

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
