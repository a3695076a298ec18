package config_test

import (
	"reflect"
	"testing"

	"smsession/internal/config"
	"smsession/internal/twilio"
)

func TestAuthTokens(t *testing.T) {
	forAny := func(values ...string) twilio.Tokens {
		var tokens twilio.Tokens
		for _, value := range values {
			tokens = append(tokens, twilio.Token{Value: value})
		}
		return tokens
	}
	rows := []struct {
		name, value, file string
		want              twilio.Tokens
	}{
		{name: "several tokens are separated by commas", value: "new,old", want: forAny("new", "old")},
		{name: "white space around each token is dropped", value: " new ,\told\n", want: forAny("new", "old")},
		{name: "an entry may name its account", value: sid + ":new," + otherSID + ":other,old", want: twilio.Tokens{
			{Account: sid, Value: "new"}, {Account: otherSID, Value: "other"}, {Value: "old"}}},
		{name: "an account may have several tokens", value: sid + ":new," + sid + ":old", want: twilio.Tokens{
			{Account: sid, Value: "new"}, {Account: sid, Value: "old"}}},
		{name: "a file may have a newline at its end", file: "new,old\r\n", want: forAny("new", "old")},
		{name: "a file may have one token on each line", file: "new\r\n\n" + sid + ":other\nold, older\n",
			want: twilio.Tokens{
				{Value: "new"}, {Account: sid, Value: "other"}, {Value: "old"}, {Value: "older"}}},
		{name: "a byte-order mark in a file is skipped", file: "\xef\xbb\xbfone\n", want: forAny("one")},
		{name: "the file is read if TWILIO_AUTH_TOKEN is blank", value: "  ", file: "one", want: forAny("one")},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got := read(t, func(f *config.Flags) {
				f.TwilioAuthToken = row.value
				if row.file != "" {
					f.TwilioAuthTokenFile = write(t, row.file)
				}
			})
			if !reflect.DeepEqual(got.AuthTokens, row.want) {
				t.Errorf("got %#v, want %#v", got.AuthTokens, row.want)
			}
		})
	}
}

func TestAuthTokenFor(t *testing.T) {
	tokens := twilio.Tokens{{Value: "common"}, {Account: sid, Value: "new"}, {Account: sid, Value: "old"}}
	for _, row := range []struct {
		name    string
		tokens  twilio.Tokens
		account string
		want    string
	}{
		{"the first token of the account", tokens, sid, "new"},
		{"the first token for any account, if the account has none", tokens, otherSID, "common"},
		{"the first token for any account, if no account is named", tokens, "", "common"},
		{"nothing, rather than a token of another account", tokens[1:], otherSID, ""},
	} {
		t.Run("For returns "+row.name, func(t *testing.T) {
			if got := row.tokens.For(row.account); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func TestTwilioFaults(t *testing.T) {
	const (
		name    = "TWILIO_AUTH_TOKEN (--twilio-auth-token): "
		notSID  = "TWILIO_ACCOUNT_SID (--twilio-account-sid): the value must be an account SID (AC and 32 hexadecimal digits), or several, separated by commas"
		empty   = "is empty; tokens are separated by one comma each"
		space   = "has white space inside; tokens are separated by commas"
		quoted  = "has a quotation mark, which Twilio's tokens do not have"
		foreign = "has a character outside ASCII, which Twilio's tokens do not have"
		isSID   = "is an account SID, which is not a secret; a token for one account is AC…:token"
	)
	tokens := func(value string) func(*config.Flags) { return func(f *config.Flags) { f.TwilioAuthToken = value } }
	account := func(value string) func(*config.Flags) { return func(f *config.Flags) { f.TwilioAccountSID = value } }
	checkFaults(t, []faultRow{
		{"a token must not be empty", tokens("a,,b"), name + "token 2 of 3 " + empty},
		{"the last token must not end with a comma", tokens("a, "), name + "token 2 of 2 " + empty},
		{"a token must have no white space inside", tokens("a,b c"), name + "token 2 of 2 " + space},
		{"only a file may have one token on each line", tokens("a\nb\n"), name + "token 1 of 1 " + space},
		{"a fault in a file is reported with the setting of the file",
			func(f *config.Flags) { f.TwilioAuthToken, f.TwilioAuthTokenFile = "", write(t, "a\nb c\n") },
			"TWILIO_AUTH_TOKEN_FILE (--twilio-auth-token-file): token 2 of 2 " + space},
		{"a token must not be in quotation marks", tokens(`"` + token + `"`), name + "token 1 of 1 " + quoted},
		{"a token must not be in apostrophes", tokens("a,'" + token + "'"), name + "token 2 of 2 " + quoted},
		{"only a file may have a byte-order mark", tokens("\ufeff" + token), name + "token 1 of 1 " + foreign},
		{"a token must not be in typographic quotation marks", tokens("“" + token + "”"), name + "token 1 of 1 " + foreign},
		{"an account SID must be before the colon", tokens("AC12:" + token),
			name + "token 1 of 1 has a colon, but no account SID before it: AC and 32 hexadecimal digits"},
		{"a token must follow the colon", tokens(sid + ":"), name + "token 1 of 1 " + empty},
		{"a token must not begin with a space after the colon", tokens(sid + ": " + token), name + "token 1 of 1 " + space},
		{"an account SID must not be a token", tokens(token + "," + sid), name + "token 2 of 2 " + isSID},
		{"an account SID must not be a token of an account", tokens(sid + ":" + sid), name + "token 1 of 1 " + isSID},
		{"each account needs a token", func(f *config.Flags) {
			f.TwilioAuthToken, f.TwilioAccountSID = sid+":"+token,
				sid+","+otherSID
		},
			"TWILIO_ACCOUNT_SID (--twilio-account-sid): TWILIO_AUTH_TOKEN has no token for one of the accounts: add one there as AC…:token"},
		{"an account SID must not be empty", account(sid + ","), notSID},
		{"an account SID must begin with AC", account("SM" + token), notSID},
		{"an account SID must have 32 digits", account(sid[:33]), notSID},
		{"an account SID must have no more than 32 digits", account(sid + "0"), notSID},
		{"an account SID must be hexadecimal", account(sid[:33] + "g"), notSID},
	})
}
