package twilio

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Token is an auth token that Twilio signs with.
type Token struct {
	Account string // the SID of the account whose requests the token signs; "" for any account
	Value   string
}

// Tokens are auth tokens in the order of preference. An account has several tokens during a rotation.
type Tokens []Token

// For returns the token for an account. This is the first token for that account, or else the first token for any
// account, or else "".
func (t Tokens) For(account string) string {
	for _, wanted := range []string{account, ""} {
		if i := slices.IndexFunc(t, func(token Token) bool { return token.Account == wanted }); i >= 0 {
			return t[i].Value
		}
	}
	return ""
}

// String returns one mask for each token. The number of masks shows whether a rotation is in progress.
func (t Tokens) String() string {
	return strings.Join(slices.Repeat([]string{"•••"}, len(t)), ",")
}

// ParseTokens parses tokens that are separated by commas. Each is written as a token alone, or as AC…:token with the
// SID of its account. White space around a token is removed. The error joins the problems of all tokens. It quotes no
// token. The tokens must not be used if there is an error.
func ParseTokens(text string) (Tokens, error) {
	var tokens Tokens
	var problems []error
	entries := strings.Split(text, ",")
	for i, entry := range entries {
		token, err := parseToken(strings.TrimSpace(entry))
		if err != nil {
			problems = append(problems, fmt.Errorf("token %d of %d %w", i+1, len(entries), err))
		}
		tokens = append(tokens, token)
	}
	return tokens, errors.Join(problems...)
}

// parseToken refuses a token that Twilio cannot have issued, because the service would then refuse every message. It
// refuses an account SID as a token, because anyone who knows the SID could sign messages.
func parseToken(entry string) (Token, error) {
	account, value, hasAccount := strings.Cut(entry, ":")
	if !hasAccount {
		account, value = "", entry
	}
	var problem string
	switch {
	case strings.ContainsFunc(entry, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
		problem = "has white space inside; tokens are separated by commas"
	case strings.ContainsAny(entry, "\"'`"):
		problem = "has a quotation mark, which Twilio's tokens do not have"
	case strings.ContainsFunc(entry, func(r rune) bool { return r > unicode.MaxASCII }):
		problem = "has a character outside ASCII, which Twilio's tokens do not have"
	case hasAccount && !IsAccountSID(account):
		problem = "has a colon, but no account SID before it: AC and 32 hexadecimal digits"
	case value == "":
		problem = "is empty; tokens are separated by one comma each"
	case IsAccountSID(value):
		problem = "is an account SID, which is not a secret; a token for one account is AC…:token"
	default:
		return Token{account, value}, nil
	}
	return Token{}, errors.New(problem)
}

// IsAccountSID reports whether a text is AC and 32 hexadecimal digits, which is the pattern in Twilio's API
// description.
func IsAccountSID(text string) bool { return strings.HasPrefix(text, "AC") && isSID(text) }
