package record

import (
	"fmt"
	"net/url"
	"strings"
)

// TokenLength is the length of a token of scs: 32 random bytes in base64url without padding.
const TokenLength = 43

// IsToken reports whether s can be a token. A cookie that cannot be one is never sent to Redis, and a pointer that
// cannot be one leads nowhere.
func IsToken(s string) bool {
	isForeign := func(c rune) bool {
		return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_')
	}
	return len(s) == TokenLength && strings.IndexFunc(s, isForeign) < 0
}

// Keys builds the names of the keys in Redis. Operators and tests rely on these names.
type Keys struct{ Prefix string }

// Session returns the key of a session's record.
func (k Keys) Session(token string) string { return k.Sessions() + token }

// Sessions returns the prefix of the keys of all records.
func (k Keys) Sessions() string { return k.Prefix + "session:" }

// Quarantine returns the key for a record that could not be read. The braces put it into the record's slot of a
// Cluster. See https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags.
func (k Keys) Quarantine(token string) string {
	return k.Prefix + "quarantine:{" + k.Session(token) + "}"
}

// Probe returns the key that the health probe writes. tag chooses the node of a Cluster; without a Cluster it is "".
func (k Keys) Probe(tag string) string {
	if tag == "" {
		return k.Prefix + "probe"
	}
	return k.Prefix + "probe:{" + tag + "}"
}

// Conversation returns the key of the pointer of a conversation. The pointer contains the token of the session.
func (k Keys) Conversation(to, from string) string {
	return k.conversations() + escape(to, &inKeys) + ":" + escape(from, &inKeys)
}

// Turn returns the key of the turn of a conversation. It contains the token of the delivery that may call the app.
func (k Keys) Turn(to, from string) string {
	return k.Prefix + "turn:" + escape(to, &inKeys) + ":" + escape(from, &inKeys)
}

func (k Keys) conversations() string { return k.Prefix + "conversation:" }

// Addresses returns the two addresses in the key of a conversation, as they were in a message. It reports false for any
// other key.
func (k Keys) Addresses(conversation string) (to, from string, ok bool) {
	rest, ok := strings.CutPrefix(conversation, k.conversations())
	if !ok {
		return "", "", false
	}
	escapedTo, escapedFrom, _ := strings.Cut(rest, ":")
	to, _ = url.PathUnescape(escapedTo)
	from, _ = url.PathUnescape(escapedFrom)
	return to, from, k.Conversation(to, from) == conversation
}

// Pattern returns the pattern with which SCAN finds the keys of conversations. An empty address matches any address.
// Any other address matches only itself. See https://redis.io/docs/latest/commands/keys/ for the special characters.
func (k Keys) Pattern(to, from string) string {
	side := func(address string) string {
		if address == "" {
			return "*"
		}
		return literal.Replace(escape(address, &inKeys))
	}
	return literal.Replace(k.conversations()) + side(to) + ":" + side(from)
}

// literal escapes the special characters of a pattern.
var literal = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`)

// special contains the bytes that escape encodes.
type special [256]bool

func newSpecial(more string) (s special) {
	for c := range s {
		s[c] = c <= ' ' || c >= 0x7f || c == '%' || strings.IndexByte(more, byte(c)) >= 0
	}
	return s
}

var (
	inKeys    = newSpecial(":{}") // have a meaning in the key of a conversation
	inRecords = newSpecial(`"\=`) // have a meaning in a record
)

// Escape returns an address or a MessageSid as a record contains it. In this form, it needs no escape in JSON, can be
// compared byte by byte, and has no space and no equals sign, which separate the messages.
func Escape(s string) string { return escape(s, &inRecords) }

// escape percent-encodes the percent sign, the given characters, and every byte outside printable ASCII. Two different
// texts never have the same result. E.164 numbers are unchanged.
func escape(s string, special *special) string {
	plain := 0
	for plain < len(s) && !special[s[plain]] {
		plain++
	}
	if plain == len(s) {
		return s
	}
	b := []byte(s[:plain])
	for _, c := range []byte(s[plain:]) {
		if special[c] {
			b = fmt.Appendf(b, "%%%02X", c)
		} else {
			b = append(b, c)
		}
	}
	return string(b)
}
