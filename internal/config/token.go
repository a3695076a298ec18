package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"smsession/internal/config/redisurl"
)

// accountSID is the pattern in Twilio's API description.
var accountSID = regexp.MustCompile(`^AC[0-9a-fA-F]{32}$`)

// AuthToken is one entry of TWILIO_AUTH_TOKEN.
type AuthToken struct {
	Account string // the SID of the account that the token is for; "" for any account
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

// String returns one mask for each token. Their number shows whether a rotation is in progress.
func (t AuthTokens) String() string {
	return strings.Join(slices.Repeat([]string{redisurl.Mask}, len(t)), ",")
}

// ParseAuthTokens parses entries that are separated by commas. An entry is a token, or AC…:token. The error joins the
// problems of all entries, and quotes none of them.
func ParseAuthTokens(text string) (AuthTokens, error) {
	var tokens AuthTokens
	var problems []error
	entries := strings.Split(text, ",")
	for i, entry := range entries {
		token, err := parseAuthToken(strings.TrimSpace(entry))
		if err != nil {
			problems = append(problems, fmt.Errorf("token %d of %d %w", i+1, len(entries), err))
		}
		tokens = append(tokens, token)
	}
	return tokens, errors.Join(problems...)
}

// parseAuthToken parses one entry. It refuses a token that Twilio cannot have issued, because the service would then
// refuse every message. It refuses an account SID as a token, because anyone who knows the SID could sign messages.
func parseAuthToken(entry string) (AuthToken, error) {
	account, value, hasAccount := strings.Cut(entry, ":")
	if !hasAccount {
		account, value = "", entry
	}
	var problem string
	switch {
	case strings.ContainsFunc(entry, isBlank):
		problem = "has white space inside; tokens are separated by commas"
	case strings.ContainsAny(entry, "\"'`"):
		problem = "has a quotation mark, which Twilio's tokens do not have"
	case strings.ContainsFunc(entry, func(r rune) bool { return r > unicode.MaxASCII }):
		problem = "has a character outside ASCII, which Twilio's tokens do not have"
	case hasAccount && !accountSID.MatchString(account):
		problem = "has a colon, but no account SID before it: AC and 32 hexadecimal digits"
	case value == "":
		problem = "is empty; tokens are separated by one comma each"
	case accountSID.MatchString(value):
		problem = "is an account SID, which is not a secret; a token for one account is AC…:token"
	default:
		return AuthToken{account, value}, nil
	}
	return AuthToken{}, errors.New(problem)
}

// parseAccountSIDs does not quote the text, because it may be the auth token, which Twilio's console shows next to the
// account SID.
func parseAccountSIDs(text string) ([]string, error) {
	var sids []string
	for sid := range strings.SplitSeq(text, ",") {
		sid = strings.TrimSpace(sid)
		if !accountSID.MatchString(sid) {
			return nil, errors.New("must be an account SID (AC and 32 hexadecimal digits); several are separated by commas")
		}
		sids = append(sids, sid)
	}
	return sids, nil
}
