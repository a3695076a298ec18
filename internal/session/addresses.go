package session

import (
	"net/url"
	"strings"
)

// Addresses takes the key of a conversation apart: the two addresses as they stood in a message. It reports false for any
// other key.
func (k Keys) Addresses(conversation string) (to, from string, ok bool) {
	rest, ok := strings.CutPrefix(conversation, k.conversations())
	if !ok {
		return "", "", false
	}
	to, from, ok = strings.Cut(rest, ":")
	if !ok {
		return "", "", false
	}
	to, toErr := url.PathUnescape(to)
	from, fromErr := url.PathUnescape(from)
	return to, from, toErr == nil && fromErr == nil && k.Conversation(to, from) == conversation
}

// Pattern is what the keys of conversations match, for SCAN: all of them, or those of an address on either side that is
// not "". The addresses stand for themselves, whatever is in them.
// See https://redis.io/docs/latest/commands/keys/ for the characters that do not.
func (k Keys) Pattern(to, from string) string {
	side := func(address string) string {
		if address == "" {
			return "*"
		}
		return verbatimInPattern(escape(address, ":{}"))
	}
	return verbatimInPattern(k.conversations()) + side(to) + ":" + side(from)
}

func (k Keys) conversations() string { return k.Prefix + "conversation:" }

func verbatimInPattern(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`).Replace(s)
}
