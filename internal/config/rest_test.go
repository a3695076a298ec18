package config_test

import (
	"slices"
	"strings"
	"testing"

	"smsession/internal/config"
)

// restFlags are the settings of a REST command: an account and its token.
func restFlags(change func(*config.RESTFlags)) config.RESTFlags {
	var f config.RESTFlags
	f.TwilioAccountSID = sid
	f.TwilioAuthToken = token
	change(&f)
	return f
}

func TestTheRESTAPINeedsAnAccountAndItsToken(t *testing.T) {
	const account, authToken = "TWILIO_ACCOUNT_SID (--twilio-account-sid): ", "TWILIO_AUTH_TOKEN (--twilio-auth-token): "
	set := func(sid, token string) func(*config.RESTFlags) {
		return func(f *config.RESTFlags) { f.TwilioAccountSID, f.TwilioAuthToken = sid, token }
	}
	rows := []struct {
		name string
		set  func(*config.RESTFlags)
		want []string
	}{
		{"neither is set", set("", ""), []string{
			authToken + "is required: the auth token of the Twilio account; or set TWILIO_AUTH_TOKEN_FILE",
			account + "is required: the account that has the number: AC and 32 hexadecimal digits"}},
		{"the SID is none", set("AC12", token), []string{account + "is not an account SID: AC and 32 hexadecimal digits; several are separated by commas"}},
		{"the token cannot be one", set(sid, "to-ken"), []string{
			authToken + "has characters other than letters and digits in the account's token, so it cannot be one of Twilio's"}},
		{"no token is for the account", set(sid, otherSID+":"+token), []string{account + "names an account for which TWILIO_AUTH_TOKEN has no token"}},
		{"the public URL is none", func(f *config.RESTFlags) { f.PublicURL = "sms.example.com" },
			[]string{"PUBLIC_URL (--public-url): must begin with https:// or http://"}},
		{"the webhook's URL has a query", func(f *config.RESTFlags) { f.WebhookURL = "https://h/in?a=b" },
			[]string{"WEBHOOK_URL (--webhook-url): must not have a query (a ? and what follows), because the query of each request is used"}},
		{"a region has no host without an edge", func(f *config.RESTFlags) { f.TwilioRegion = "jp1" },
			[]string{"TWILIO_REGION (--twilio-region): is not us1, ie1 or au1, so it needs TWILIO_EDGE too: Twilio has no API host for a region alone"}},
		{"a region is a part of a host's name", func(f *config.RESTFlags) { f.TwilioRegion = "evil.example/" },
			[]string{`TWILIO_REGION (--twilio-region): "evil.example/" is not the name of a region, such as ie1`}},
		{"an edge is a part of a host's name", func(f *config.RESTFlags) { f.TwilioEdge = "evil.example/" },
			[]string{`TWILIO_EDGE (--twilio-edge): "evil.example/" is not the name of an edge, such as dublin`}},
		{"both can be wrong", func(f *config.RESTFlags) { f.TwilioRegion, f.TwilioEdge = "evil.example/", "evil.example/" }, []string{
			`TWILIO_REGION (--twilio-region): "evil.example/" is not the name of a region, such as ie1`,
			`TWILIO_EDGE (--twilio-edge): "evil.example/" is not the name of an edge, such as dublin`}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			_, err := restFlags(row.set).Config()
			if err == nil || !slices.Equal(strings.Split(err.Error(), "\n"), row.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestTheRESTAPIIsSpokenWith(t *testing.T) {
	rows := []struct {
		name string
		set  func(*config.RESTFlags)
		want config.REST
	}{
		{"the account and its token", func(*config.RESTFlags) {}, config.REST{AccountSID: sid, AuthToken: token}},
		{"the first of several tokens", func(f *config.RESTFlags) { f.TwilioAuthToken += ",to-ken" }, config.REST{AccountSID: sid, AuthToken: token}},
		{"the first of several accounts, and the token that is for it", func(f *config.RESTFlags) {
			f.TwilioAccountSID, f.TwilioAuthToken = otherSID+","+sid, "common,"+sid+":wrong,"+otherSID+":"+token
		}, config.REST{AccountSID: otherSID, AuthToken: token}},
		{"a token for any account, where none is for this one", func(f *config.RESTFlags) { f.TwilioAuthToken = otherSID + ":wrong," + token },
			config.REST{AccountSID: sid, AuthToken: token}},
		{"the URLs below PUBLIC_URL", func(f *config.RESTFlags) { f.PublicURL = "https://h/" }, config.REST{AccountSID: sid, AuthToken: token,
			PublicURL: parseURL(t, "https://h"), WebhookURL: parseURL(t, "https://h/sms"), FallbackURL: parseURL(t, "https://h/sms/fallback")}},
		{"the URLs of a proxy", func(f *config.RESTFlags) { f.WebhookURL, f.FallbackURL = "https://h/in#rc=2", "https://h/sorry" },
			config.REST{AccountSID: sid, AuthToken: token, WebhookURL: parseURL(t, "https://h/in#rc=2"), FallbackURL: parseURL(t, "https://h/sorry")}},
		{"ie1 at dublin", func(f *config.RESTFlags) { f.TwilioRegion = "ie1" }, config.REST{AccountSID: sid, AuthToken: token, Region: "ie1", Edge: "dublin"}},
		{"au1 at sydney", func(f *config.RESTFlags) { f.TwilioRegion = "au1" }, config.REST{AccountSID: sid, AuthToken: token, Region: "au1", Edge: "sydney"}},
		{"us1 at ashburn", func(f *config.RESTFlags) { f.TwilioRegion = "us1" }, config.REST{AccountSID: sid, AuthToken: token, Region: "us1", Edge: "ashburn"}},
		{"any region at an edge that is set", func(f *config.RESTFlags) { f.TwilioRegion, f.TwilioEdge = "jp1", " tokyo" },
			config.REST{AccountSID: sid, AuthToken: token, Region: "jp1", Edge: "tokyo"}},
		{"an edge alone", func(f *config.RESTFlags) { f.TwilioEdge = "dublin" }, config.REST{AccountSID: sid, AuthToken: token, Edge: "dublin"}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if got, err := restFlags(row.set).Config(); err != nil || got != row.want {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}
