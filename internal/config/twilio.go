package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// AuthToken is one entry of TWILIO_AUTH_TOKEN.
type AuthToken struct {
	// Account is the SID of the account that the token is for; "" means any account.
	Account string
	Value   string
}

// AuthTokens are the entries of TWILIO_AUTH_TOKEN, in the order given.
type AuthTokens []AuthToken

// For returns the token for an account. This is the first token for that account, or else the first token for any
// account, or else "".
func (t AuthTokens) For(account string) string {
	for _, wanted := range []string{account, ""} {
		i := slices.IndexFunc(t, func(token AuthToken) bool { return token.Account == wanted })
		if i >= 0 {
			return t[i].Value
		}
	}
	return ""
}

// ParseAuthTokens parses entries that are separated by commas. An entry is a token, or AC…:token. Each problem is a
// sentence without its full stop and does not quote the value.
func ParseAuthTokens(value string) (tokens AuthTokens, problems []string) {
	entries := strings.Split(value, ",")
	for i, entry := range entries {
		token, problem := parseAuthToken(strings.TrimSpace(entry))
		if problem != "" {
			problems = append(problems, fmt.Sprintf("token %d of %d %s", i+1, len(entries), problem))
		}
		tokens = append(tokens, token)
	}
	return tokens, problems
}

// parseAuthToken parses one entry. It refuses a token that cannot be one of Twilio's. With such a token the service
// would start and then refuse every message. With an account SID as a token, anyone who knows it could sign messages.
func parseAuthToken(entry string) (token AuthToken, problem string) {
	account, value, hasAccount := strings.Cut(entry, ":")
	if !hasAccount {
		account, value = "", entry
	}
	switch {
	case strings.ContainsFunc(entry, isBlank):
		return token, "has white space inside; tokens are separated by commas"
	case strings.ContainsAny(entry, "\"'`"):
		return token, "has a quotation mark, which no token of Twilio's has"
	case strings.ContainsFunc(entry, func(r rune) bool { return r > unicode.MaxASCII }):
		return token, "has a character outside ASCII, which no token of Twilio's has"
	case hasAccount && !isAccountSID(account):
		return token, "has a colon, but no account SID before it: AC and 32 hexadecimal digits"
	case value == "":
		return token, "is empty; tokens are separated by one comma each"
	case isAccountSID(value):
		return token, "is an account SID, which is no secret; a token for one account is AC…:token"
	}
	return AuthToken{Account: account, Value: value}, ""
}

// authTokens checks TWILIO_AUTH_TOKEN or the content of its file. In a file, each entry may also be on its own line.
func (c *checker) authTokens(f AuthTokenFlags) {
	const setting = "TWILIO_AUTH_TOKEN"
	name, value, ok := c.secret(setting, f.TwilioAuthToken, f.TwilioAuthTokenFile,
		"the auth token of the Twilio account; several by commas")
	if !ok {
		return
	}
	if name != setting {
		value = strings.Join(strings.FieldsFunc(value, func(r rune) bool { return r == '\n' || r == '\r' }), ",")
	}
	tokens, problems := ParseAuthTokens(value)
	for _, problem := range problems {
		c.fault(name, "%s", problem)
	}
	if len(problems) == 0 {
		c.config.AuthTokens = tokens
	}
}

// accounts checks TWILIO_ACCOUNT_SID. A fault does not quote the value: it may be the auth token, which Twilio's
// console shows next to the account SID.
func (c *checker) accounts(f AccountFlags) {
	const setting = "TWILIO_ACCOUNT_SID"
	if strings.TrimSpace(f.TwilioAccountSID) == "" {
		return
	}
	for sid := range strings.SplitSeq(f.TwilioAccountSID, ",") {
		if sid = strings.TrimSpace(sid); !isAccountSID(sid) {
			c.fault(setting, "is not an account SID: AC and 32 hexadecimal digits; several are separated by commas")
			return
		}
		c.config.AccountSIDs = append(c.config.AccountSIDs, sid)
	}
	// Without a token, all messages of the account would be refused. dev has its own token.
	tokens := c.config.AuthTokens
	if len(tokens) > 0 && slices.ContainsFunc(c.config.AccountSIDs, func(sid string) bool { return tokens.For(sid) == "" }) {
		c.fault(setting, "names an account for which TWILIO_AUTH_TOKEN has no token")
	}
}

// isAccountSID follows the pattern ^AC[0-9a-fA-F]{32}$ of Twilio's API
// description.
func isAccountSID(sid string) bool {
	digits, found := strings.CutPrefix(sid, "AC")
	notHex := func(r rune) bool { return !strings.ContainsRune("0123456789abcdefABCDEF", r) }
	return found && len(digits) == 32 && !strings.ContainsFunc(digits, notHex)
}
