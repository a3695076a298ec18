package phone

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"strings"
)

// Message is a message that a person sends.
type Message struct {
	SID        string  `json:"sid"` // "" generates one; the SID of an earlier message repeats it
	Body       string  `json:"body"`
	Media      []Media `json:"media,omitempty"`
	OptOutType string  `json:"opt_out_type,omitempty"` // from Advanced Opt-Out: STOP, START, HELP or ""
	Forged     bool    `json:"forged,omitempty"`       // the signature is made with a wrong token
	Cookieless bool    `json:"cookieless,omitempty"`   // the cookies are not sent, but stay in the jar
}

// Media is one attachment.
type Media struct {
	URL         string `json:"url"`
	ContentType string `json:"content_type"`
}

// NewSID generates the MessageSid of a text message: SM and 32 hexadecimal digits.
func NewSID() string { return "SM" + RandomHex() }

// WithSID returns the message with a MessageSid. If it has none, it gets a new one.
func (m Message) WithSID() Message {
	if m.SID == "" && len(m.Media) > 0 {
		m.SID = "MM" + RandomHex()
	}
	m.SID = cmp.Or(m.SID, NewSID())
	return m
}

// newIdempotencyToken generates a UUID of version 4 (RFC 9562), which is the form of Twilio's
// I-Twilio-Idempotency-Token.
func newIdempotencyToken() string {
	text := RandomHex()
	return text[:8] + "-" + text[8:12] + "-4" + text[13:16] + "-a" + text[17:20] + "-" + text[20:]
}

// RandomHex returns 32 random hexadecimal digits, which is the form of Twilio's auth tokens and of its SIDs after their
// prefix.
func RandomHex() string {
	var random [16]byte
	rand.Read(random[:]) // never returns an error
	return hex.EncodeToString(random[:])
}

// Pair returns the addresses of a message between from and to. If only one of them has the prefix whatsapp:, Pair adds
// the prefix to the other one, because WhatsApp does not exchange messages with phone numbers. An empty address, or one
// of another channel, does not change.
func Pair(from, to string) (pairFrom, pairTo string) {
	const whatsapp = "whatsapp"
	switch {
	case channel(from) == whatsapp && channel(to) == "" && to != "":
		return from, whatsapp + ":" + to
	case channel(to) == whatsapp && channel(from) == "" && from != "":
		return whatsapp + ":" + from, to
	}
	return from, to
}

// channel returns the prefix of an address without its colon: "whatsapp" for "whatsapp:+1…", "" for a number.
func channel(address string) string {
	return address[:max(strings.IndexByte(address, ':'), 0)]
}
