package config

import (
	"fmt"
	"strings"
	"unicode"

	"smsession/internal/weburl"
)

// REST has the settings for Twilio's REST API. It must not be printed, because that would show the auth token.
type REST struct {
	AccountSID, AuthToken              string
	Region, Edge                       string     // they select the host of the API; both are empty for the default
	PublicURL, WebhookURL, FallbackURL weburl.URL // as in Config
}

// Config returns the settings for Twilio's REST API. The account is the first one in TWILIO_ACCOUNT_SID, and the token
// is the first one for this account. Both settings are required. The error is a Faults.
func (f RESTFlags) Config() (REST, error) {
	var r REST
	p := parse(f, Defaults(),
		field("TWILIO_REGION", &r.Region, hostLabel("a region, such as ie1")),
		field("TWILIO_EDGE", &r.Edge, hostLabel("an edge, such as dublin")))
	p.require("TWILIO_AUTH_TOKEN", "TWILIO_ACCOUNT_SID")
	if r.Region != "" && !p.isSet("TWILIO_EDGE") {
		// Twilio has shut down the hosts that name a region without an edge.
		// See https://www.twilio.com/docs/global-infrastructure/understanding-edge-locations.
		r.Edge = map[string]string{"us1": "ashburn", "ie1": "dublin", "au1": "sydney"}[r.Region]
		if r.Edge == "" {
			p.fault("TWILIO_REGION",
				"the region is not us1, ie1 or au1: set TWILIO_EDGE, too, because Twilio has no API host for it alone")
		}
	}
	if len(p.config.AccountSIDs) > 0 {
		r.AccountSID = p.config.AccountSIDs[0]
	}
	r.AuthToken = p.config.AuthTokens.For(r.AccountSID)
	if strings.ContainsFunc(r.AuthToken, func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) }) {
		// twilio-go refuses to send a password with any other character.
		p.fault("TWILIO_AUTH_TOKEN",
			"the account's token has a character that is not a letter or a digit, so it is not one of Twilio's")
	}
	c, err := p.result()
	if err != nil {
		return REST{}, err
	}
	r.PublicURL, r.WebhookURL, r.FallbackURL = c.PublicURL, c.WebhookURL, c.FallbackURL
	return r, nil
}

// hostLabel returns a parser of a part of a host name. The auth token is sent to that host, so the part must not change
// the rest of the name.
func hostLabel(what string) func(string) (string, error) {
	return func(text string) (string, error) {
		if strings.Trim(text, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return "", fmt.Errorf("%s is not the name of %s", quote(text), what)
		}
		return text, nil
	}
}
