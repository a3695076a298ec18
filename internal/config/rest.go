package config

import (
	"strings"
	"unicode"
)

// RESTFlags are the settings of a command that speaks with Twilio's REST API
// and does nothing else.
type RESTFlags struct {
	PublicURLFlags
	WebhookURLFlags
	AuthTokenFlags
	TwilioAccountSID string `name:"twilio-account-sid" env:"TWILIO_ACCOUNT_SID" placeholder:"SID" help:"Twilio account that has the number, AC and 32 hex digits; of several by commas the first is used."`
	TwilioRegion     string `name:"twilio-region" env:"TWILIO_REGION" placeholder:"REGION" help:"Region of the API: us1, ie1 or au1; any other one with an edge (default us1)."`
	TwilioEdge       string `name:"twilio-edge" env:"TWILIO_EDGE" placeholder:"EDGE" help:"Edge location of the API (default: the region's)."`
}

// REST has the settings for Twilio's REST API.
type REST struct {
	// AccountSID is the account, and AuthToken is its token.
	AccountSID, AuthToken string
	// Region and Edge choose the API's host. Both are empty for the default.
	Region, Edge string
	// PublicURL, WebhookURL and FallbackURL are as in Config.
	PublicURL, WebhookURL, FallbackURL string
}

// Config checks the settings. The account is the first of TWILIO_ACCOUNT_SID,
// and its token is the first that is for it, else the first for any account.
// The error is a Faults.
func (f RESTFlags) Config() (REST, error) {
	c := checker{config: Defaults()}
	c.webhookURLs(f.PublicURLFlags, f.WebhookURLFlags)
	c.authTokens(f.AuthTokenFlags)
	c.require("TWILIO_ACCOUNT_SID", f.TwilioAccountSID, "the account that has the number: AC and 32 hexadecimal digits")
	c.accounts(AccountFlags{TwilioAccountSID: f.TwilioAccountSID})
	rest := REST{PublicURL: c.config.PublicURL, WebhookURL: c.config.WebhookURL, FallbackURL: c.config.FallbackURL}
	rest.Region, rest.Edge = c.apiHost(f.TwilioRegion, f.TwilioEdge)
	if len(c.faults) == 0 {
		rest.AccountSID = c.config.AccountSIDs[0]
		rest.AuthToken = c.config.AuthTokens.For(rest.AccountSID)
		c.restToken(f.AuthTokenFlags, rest.AuthToken)
	}
	if len(c.faults) > 0 {
		return REST{}, c.faults
	}
	return rest, nil
}

// restToken checks the token that becomes a password. twilio-go sends none
// that has other characters than these.
func (c *checker) restToken(f AuthTokenFlags, token string) {
	foreign := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }
	if strings.ContainsFunc(token, foreign) {
		name := "TWILIO_AUTH_TOKEN"
		if strings.TrimSpace(f.TwilioAuthToken) == "" {
			name += "_FILE"
		}
		c.fault(name, "has characters other than letters and digits in the account's token, so it cannot be one of Twilio's")
	}
}

// apiHost checks TWILIO_REGION and TWILIO_EDGE. Twilio has shut down the hosts
// that name a region without an edge, so a region without one gets its own.
//
// See https://www.twilio.com/docs/global-infrastructure/understanding-edge-locations.
func (c *checker) apiHost(regionValue, edgeValue string) (region, edge string) {
	region, edge = strings.TrimSpace(regionValue), strings.TrimSpace(edgeValue)
	if !isHostLabel(region) {
		c.fault("TWILIO_REGION", "%s is not the name of a region, such as ie1", quote(region))
	} else if region != "" && edge == "" {
		edge = map[string]string{"us1": "ashburn", "ie1": "dublin", "au1": "sydney"}[region]
		if edge == "" {
			c.fault("TWILIO_REGION", "is not us1, ie1 or au1, so it needs TWILIO_EDGE too: Twilio has no API host for a region alone")
		}
	}
	if !isHostLabel(edge) {
		c.fault("TWILIO_EDGE", "%s is not the name of an edge, such as dublin", quote(edge))
	}
	return region, edge
}

// isHostLabel reports whether label may stand between the dots of a host name.
// This matters because the auth token is sent to that host.
func isHostLabel(label string) bool {
	return strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}
