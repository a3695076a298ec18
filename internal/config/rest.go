package config

import (
	"strings"
	"unicode"
)

// RESTFlags are the settings of a command that speaks with Twilio's REST API
// and does nothing else.
type RESTFlags struct {
	PublicURLFlags
	AuthTokenFlags
	TwilioAccountSID string `name:"twilio-account-sid" env:"TWILIO_ACCOUNT_SID" placeholder:"SID" help:"Twilio account that has the number, AC and 32 hex digits."`
}

// Config checks the settings. AccountSID and AuthTokens are what was set, and
// the first of AuthTokens is what the API is spoken with; PublicURL is empty
// when it is not set; everything else is the service's default. The error is a
// Faults.
func (f RESTFlags) Config() (Config, error) {
	c := checker{config: Defaults()}
	c.publicURL(f.PublicURL)
	c.authTokens(f.AuthTokenFlags)
	c.restToken(f.AuthTokenFlags)
	c.require("TWILIO_ACCOUNT_SID", f.TwilioAccountSID, "the account that has the number: AC and 32 hexadecimal digits")
	c.account(AccountFlags{TwilioAccountSID: f.TwilioAccountSID})
	return c.result()
}

// restToken checks the token that becomes a password. twilio-go sends none
// that has other characters than these.
func (c *checker) restToken(f AuthTokenFlags) {
	if len(c.faults) > 0 || len(c.config.AuthTokens) == 0 {
		return
	}
	foreign := func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}
	if strings.ContainsFunc(c.config.AuthTokens[0], foreign) {
		name := "TWILIO_AUTH_TOKEN"
		if strings.TrimSpace(f.TwilioAuthToken) == "" {
			name += "_FILE"
		}
		c.fault(name, "has other characters than letters and digits in its first token, so it is none of Twilio's")
	}
}
