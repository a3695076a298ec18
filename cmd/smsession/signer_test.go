package main

import "testing"

// A phone uses the account of its token, and the token of its account.
func TestAPhoneSignsWithItsAccountsToken(t *testing.T) {
	const first, second = "AC00000000000000000000000000000001", "AC00000000000000000000000000000002"
	rows := []struct{ name, tokens, accounts, token, account string }{
		{"the first of several tokens", "one,two", "", "one", ""},
		{"the account of the first token", first + ":one," + second + ":two", "", "one", first},
		{"the token of the account", "any," + first + ":one," + second + ":two", second, "two", second},
		{"the first of several accounts", second + ":two," + first + ":one", " " + first + "," + second, "one", first},
		{"a token for any account", first + ":one,any", second, "any", second},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			token, account, err := webhookFlags{AuthToken: row.tokens, AccountSID: row.accounts}.signer()
			if err != nil || token != row.token || account != row.account {
				t.Errorf("got %q of %q, %v, want %q of %q", token, account, err, row.token, row.account)
			}
		})
	}
}
