package config_test

import (
	"slices"
	"strings"
	"testing"

	"smsession/internal/config"
)

// restFlags returns the flags of a REST command, in which an account and its token are set.
func restFlags(change func(*config.RESTFlags)) config.RESTFlags {
	var f config.RESTFlags
	f.TwilioAccountSID = sid
	f.TwilioAuthToken = token
	change(&f)
	return f
}

func TestRESTFaults(t *testing.T) {
	const account, authToken = "TWILIO_ACCOUNT_SID (--twilio-account-sid): ",
		"TWILIO_AUTH_TOKEN (--twilio-auth-token): "
	set := func(sid, token string) func(*config.RESTFlags) {
		return func(f *config.RESTFlags) { f.TwilioAccountSID, f.TwilioAuthToken = sid, token }
	}
	rows := []struct {
		name string
		set  func(*config.RESTFlags)
		want []string
	}{
		{"account and token are required", set("", ""), []string{
			authToken +
				"the setting is missing: set it to the auth token of the Twilio account; or set TWILIO_AUTH_TOKEN_FILE",
			account +
				"the setting is missing: set it to the account that has the number: AC and 32 hexadecimal digits"}},
		{"the account must be an SID", set("AC12", token),
			[]string{account +
				"the value must be an account SID (AC and 32 hexadecimal digits), or several, separated by commas"}},
		{"the token must have only letters and digits", set(sid, "to-ken"), []string{
			authToken +
				"the account's token has a character that is not a letter or a digit, so it is not one of Twilio's"}},
		{"account and token are checked at once", set("AC12", "to-ken"), []string{
			account +
				"the value must be an account SID (AC and 32 hexadecimal digits), or several, separated by commas",
			authToken +
				"the account's token has a character that is not a letter or a digit, so it is not one of Twilio's"}},
		{"the account needs a token", set(sid, otherSID+":"+token),
			[]string{account + "TWILIO_AUTH_TOKEN has no token for one of the accounts: add one there as AC…:token"}},
		{"PUBLIC_URL must be a URL", func(f *config.RESTFlags) { f.PublicURL = "sms.example.com" },
			[]string{"PUBLIC_URL (--public-url): the URL does not begin with https:// or http://"}},
		{"WEBHOOK_URL must have no query", func(f *config.RESTFlags) { f.WebhookURL = "https://h/in?a=b" },
			[]string{"WEBHOOK_URL (--webhook-url): the URL has a query (a ? and what follows): leave it out, because the query of each request is used"}},
		{"an unknown region needs an edge", func(f *config.RESTFlags) { f.TwilioRegion = "jp1" },
			[]string{"TWILIO_REGION (--twilio-region): the region is not us1, ie1 or au1: set TWILIO_EDGE, too, because Twilio has no API host for it alone"}},
		{"a region must be a part of a host name", func(f *config.RESTFlags) { f.TwilioRegion = "evil.example/" },
			[]string{`TWILIO_REGION (--twilio-region): "evil.example/" is not the name of a region, such as ie1`}},
		{"an edge must be a part of a host name", func(f *config.RESTFlags) { f.TwilioEdge = "evil.example/" },
			[]string{`TWILIO_EDGE (--twilio-edge): "evil.example/" is not the name of an edge, such as dublin`}},
		{"region and edge are both checked", func(f *config.RESTFlags) {
			f.TwilioRegion, f.TwilioEdge = "evil.example/",
				"evil.example/"
		}, []string{
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

func TestREST(t *testing.T) {
	rows := []struct {
		name string
		set  func(*config.RESTFlags)
		want config.REST
	}{
		{"account and token are used", func(*config.RESTFlags) {}, config.REST{AccountSID: sid, AuthToken: token}},
		{"the first of several tokens is used", func(f *config.RESTFlags) { f.TwilioAuthToken += ",to-ken" },
			config.REST{AccountSID: sid, AuthToken: token}},
		{"the first of several accounts is used, with its token", func(f *config.RESTFlags) {
			f.TwilioAccountSID, f.TwilioAuthToken = otherSID+","+sid, "common,"+sid+":wrong,"+otherSID+":"+token
		}, config.REST{AccountSID: otherSID, AuthToken: token}},
		{"a token for any account is used if the account has none",
			func(f *config.RESTFlags) { f.TwilioAuthToken = otherSID + ":wrong," + token },
			config.REST{AccountSID: sid, AuthToken: token}},
		{"the URLs are below PUBLIC_URL", func(f *config.RESTFlags) { f.PublicURL = "https://h/" },
			config.REST{AccountSID: sid, AuthToken: token,
				PublicURL: parseURL(t, "https://h"), WebhookURL: parseURL(t, "https://h/sms"), FallbackURL: parseURL(t,
					"https://h/sms/fallback")}},
		{"the URLs may be set one by one", func(f *config.RESTFlags) {
			f.WebhookURL,
				f.FallbackURL = "https://h/in#rc=2", "https://h/sorry"
		},
			config.REST{AccountSID: sid, AuthToken: token, WebhookURL: parseURL(t, "https://h/in#rc=2"),
				FallbackURL: parseURL(t, "https://h/sorry")}},
		{"the edge of ie1 is dublin", func(f *config.RESTFlags) { f.TwilioRegion = "ie1" },
			config.REST{AccountSID: sid, AuthToken: token, Region: "ie1", Edge: "dublin"}},
		{"the edge of au1 is sydney", func(f *config.RESTFlags) { f.TwilioRegion = "au1" },
			config.REST{AccountSID: sid, AuthToken: token, Region: "au1", Edge: "sydney"}},
		{"the edge of us1 is ashburn", func(f *config.RESTFlags) { f.TwilioRegion = "us1" },
			config.REST{AccountSID: sid, AuthToken: token, Region: "us1", Edge: "ashburn"}},
		{"a region may be used with any edge", func(f *config.RESTFlags) {
			f.TwilioRegion, f.TwilioEdge = "jp1",
				" tokyo"
		},
			config.REST{AccountSID: sid, AuthToken: token, Region: "jp1", Edge: "tokyo"}},
		{"an edge may be used without a region", func(f *config.RESTFlags) { f.TwilioEdge = "dublin" },
			config.REST{AccountSID: sid, AuthToken: token, Edge: "dublin"}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if got, err := restFlags(row.set).Config(); err != nil || got != row.want {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}
