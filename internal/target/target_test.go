package target

import (
	"io"
	"slices"
	"strings"
	"testing"

	"smsession/internal/devservice"
	"smsession/internal/phone"
	"smsession/internal/twilio"
)

func TestFallback(t *testing.T) {
	const url, public = "http://127.0.0.1:8080/sms", "https://sms.example.com/in/sms"
	for _, row := range []struct {
		name, public, fallback, publicFallback string
		want                                   phone.Endpoint
	}{
		{name: "the fallback is signed for the server of --public-url", public: public,
			fallback: "http://127.0.0.1:8080/sms/fallback",
			want: phone.Endpoint{URL: "https://sms.example.com/in/sms/fallback",
				Address: "http://127.0.0.1:8080/sms/fallback"}},
		{name: "the fallback may be at another port, as another replica is", public: public,
			fallback: "http://127.0.0.1:8081/sms/fallback?a=b",
			want: phone.Endpoint{URL: "https://sms.example.com/in/sms/fallback?a=b",
				Address: "http://127.0.0.1:8081/sms/fallback?a=b"}},
		{name: "a fallback at another host is signed for that host", public: public,
			fallback: "https://help.example.com/sms/fallback",
			want:     phone.Endpoint{URL: "https://help.example.com/sms/fallback"}},
		{name: "without --public-url, the fallback is signed for its own port",
			fallback: "http://127.0.0.1:8081/sms/fallback",
			want:     phone.Endpoint{URL: "http://127.0.0.1:8081/sms/fallback"}},
		{name: "--public-fallback-url is signed", public: public, fallback: "http://127.0.0.1:8081/sms/fallback",
			publicFallback: "https://help.example.com/sorry",
			want: phone.Endpoint{URL: "https://help.example.com/sorry",
				Address: "http://127.0.0.1:8081/sms/fallback"}},
		{name: "--public-fallback-url does not need --public-url", fallback: "http://127.0.0.1:8081/sms/fallback",
			publicFallback: "https://sms.example.com/sorry",
			want: phone.Endpoint{URL: "https://sms.example.com/sorry",
				Address: "http://127.0.0.1:8081/sms/fallback"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			o, _, err := Flags{URL: url, PublicURL: row.public, FallbackURL: row.fallback,
				PublicFallbackURL: row.publicFallback, AuthToken: "token"}.Find(t.Context(), io.Discard)
			if err != nil || o.Fallback != row.want {
				t.Errorf("got %+v, %v, want %+v", o.Fallback, err, row.want)
			}
		})
	}
}

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

func TestTokenIsMadeUp(t *testing.T) {
	const line = "smsession: no auth token is given: the signatures are made with a made-up one\n"
	for _, row := range []struct {
		name, says string
		flags      Flags
		isMadeUp   bool
	}{
		{"without a token, one is made up", line, Flags{}, true},
		{"a blank token is none", line, Flags{AuthToken: " "}, true},
		{"a token is used", "", Flags{AuthToken: "token"}, false},
		{"without a signature, no token is needed", "", Flags{NoSignature: true}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			var stderr strings.Builder
			row.flags.URL = "http://127.0.0.1:8080/sms"
			row.flags.AccountSID = "AC00000000000000000000000000000001"
			o, _, err := row.flags.Find(t.Context(), &stderr)
			if err != nil || stderr.String() != row.says || o.TokenMadeUp != row.isMadeUp ||
				o.AccountSID != row.flags.AccountSID || row.isMadeUp && len(o.AuthToken) != 32 {
				t.Errorf("got %+v, %v, %q", o, err, stderr.String())
			}
		})
	}
}

func TestParams(t *testing.T) {
	f := Flags{URL: "http://127.0.0.1:8080/sms", Params: []string{"FromCity=CHICAGO", "Tags=a=b,c", "ToZip="}}
	o, _, err := f.Find(t.Context(), io.Discard)
	want := []phone.Param{{Name: "FromCity", Value: "CHICAGO"}, {Name: "Tags", Value: "a=b,c"}, {Name: "ToZip"}}
	if err != nil || !slices.Equal(o.Params, want) {
		t.Errorf("got %+v, %v", o.Params, err)
	}
	for _, text := range []string{"", "FromCity", "=CHICAGO", "FromCity=\xff"} {
		f.Params = []string{text}
		if _, _, err := f.Find(t.Context(), io.Discard); err == nil {
			t.Errorf("%q is accepted", text)
		}
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
