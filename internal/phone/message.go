package phone

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
)

// Message is a message that a person sends.
type Message struct {
	SID        string  `json:"sid"` // "" generates one; the same SID again means the same message again
	Body       string  `json:"body"`
	Media      []Media `json:"media,omitempty"`
	OptOutType string  `json:"opt_out_type,omitempty"` // as Advanced Opt-Out adds it: STOP, START or HELP
	Forged     bool    `json:"forged,omitempty"`       // the signature is made with a wrong token
	Cookieless bool    `json:"cookieless,omitempty"`   // the cookies are not sent, but stay in the jar
}

// Media is one attachment.
type Media struct {
	URL         string `json:"url"`
	ContentType string `json:"content_type"`
}

// NewSID generates a MessageSid: SM and 32 hexadecimal digits.
func NewSID() string { return "SM" + RandomHex() }

// newIdempotencyToken generates a UUID of version 4 (RFC 9562), as Twilio's I-Twilio-Idempotency-Token is.
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

// Pair returns the addresses of a message between two numbers. If one of them is WhatsApp's, both are, because WhatsApp
// does not exchange messages with phone numbers.
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
