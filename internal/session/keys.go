package session

import "encoding/base64"

// tokenLength is that of scs's tokens: 32 random bytes in base64url without padding.
var tokenLength = base64.RawURLEncoding.EncodedLen(32)

// isToken reports whether s can be a token. Anything else never reaches Redis.
func isToken(s string) bool {
	if len(s) != tokenLength {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}

// Keys names the keys in Redis. All of them begin with the prefix; operators and tests rely on the rest.
type Keys struct{ Prefix string }

// Session is the key of a session's record.
func (k Keys) Session(token string) string { return k.sessions() + token }

func (k Keys) sessions() string { return k.Prefix + "session:" }

// Quarantine returns the key that keeps a record that could not be read. The braces put it into the record's slot of a
// Cluster. See https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags.
func (k Keys) Quarantine(token string) string {
	return k.Prefix + "quarantine:{" + k.Session(token) + "}"
}

// Conversation is the key of the pointer from the two addresses to the session's token.
func (k Keys) Conversation(to, from string) string {
	return k.Prefix + "conversation:" + escape(to, ":{}") + ":" + escape(from, ":{}")
}

// escape percent-encodes every byte outside printable ASCII, the percent sign and the given others. It is injective,
// and leaves E.164 numbers as they are.
func escape(s, others string) string {
	for i := range len(s) {
		if !verbatim(s[i], others) {
			return escapeFrom(s, i, others)
		}
	}
	return s
}

func escapeFrom(s string, i int, others string) string {
	const hex = "0123456789ABCDEF"
	b := append(make([]byte, 0, len(s)+8), s[:i]...)
	for ; i < len(s); i++ {
		if c := s[i]; verbatim(c, others) {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(b)
}

func verbatim(c byte, others string) bool {
	if c <= ' ' || c >= 0x7f || c == '%' {
		return false
	}
	for i := range len(others) {
		if others[i] == c {
			return false
		}
	}
	return true
}

// name is how an address or a MessageSid is written in a record: JSON cannot carry bytes that are not UTF-8, what needs no
// JSON escape can be compared byte by byte, and a space and an equals sign separate messages.
func name(s string) string { return escape(s, `"\=`) }
