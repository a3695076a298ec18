package config

import (
	"strings"
)

// authTokens checks TWILIO_AUTH_TOKEN or what its file holds.
func (c *checker) authTokens(f AuthTokenFlags) {
	name, value, ok := c.secret("TWILIO_AUTH_TOKEN", f.TwilioAuthToken, f.TwilioAuthTokenFile,
		"the auth token of the Twilio account; several by commas")
	if !ok {
		return
	}
	var tokens []string
	for token := range strings.SplitSeq(value, ",") {
		tokens = append(tokens, strings.TrimSpace(token))
	}
	for i, token := range tokens {
		switch {
		case token == "":
			c.fault(name, "token %d of %d is empty; tokens are separated by one comma each", i+1, len(tokens))
		case strings.ContainsFunc(token, isBlank):
			// A file with one token a line would otherwise be one wrong
			// token, and every message would be refused.
			c.fault(name, "token %d of %d has white space inside; tokens are separated by commas", i+1, len(tokens))
		}
	}
	c.config.AuthTokens = tokens
}

// account checks TWILIO_ACCOUNT_SID. The value is not quoted: the auth token,
// which stands beside it in Twilio's console, may have been pasted here.
func (c *checker) account(f AccountFlags) {
	sid := strings.TrimSpace(f.TwilioAccountSID)
	if sid != "" && !isAccountSID(sid) {
		c.fault("TWILIO_ACCOUNT_SID", "is not an account SID: AC and 32 hexadecimal digits")
		return
	}
	c.config.AccountSID = sid
}

// isAccountSID follows the pattern ^AC[0-9a-fA-F]{32}$ of Twilio's API
// description.
func isAccountSID(sid string) bool {
	digits, found := strings.CutPrefix(sid, "AC")
	notHex := func(r rune) bool { return !strings.ContainsRune("0123456789abcdefABCDEF", r) }
	return found && len(digits) == 32 && !strings.ContainsFunc(digits, notHex)
}
