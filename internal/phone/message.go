package phone

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"strings"
)

// Message is what a person sends.
type Message struct {
	SID        string  `json:"sid"` // "" makes one; the same one again is the same message delivered again
	Body       string  `json:"body"`
	Media      []Media `json:"media,omitempty"`
	OptOutType string  `json:"opt_out_type,omitempty"` // as Advanced Opt-Out adds it: STOP, START or HELP
	More       []Param `json:"more,omitempty"`         // further parameters, sent last and signed
	Forged     bool    `json:"forged,omitempty"`       // sign with a token that is not the account's
	Cookieless bool    `json:"cookieless,omitempty"`   // send without the cookies; they stay in the jar
}

// Media is one attachment.
type Media struct {
	URL         string `json:"url"`
	ContentType string `json:"content_type"`
}

// Param is one form parameter.
type Param struct{ Name, Value string }

// NewSID makes up a MessageSid: SM and 32 hexadecimal digits.
func NewSID() string { return newSID("SM") }

// newSID makes up a SID with one of Twilio's prefixes. It is unlikely to be made twice, not hard to guess.
func newSID(prefix string) string {
	random := randomBytes()
	return string(hex.AppendEncode(append(make([]byte, 0, 34), prefix...), random[:]))
}

// newToken makes up a UUID of version 4 (RFC 9562), as I-Twilio-Idempotency-Token is.
func newToken() string {
	random := randomBytes()
	random[6] = random[6]&0x0f | 0x40
	random[8] = random[8]&0x3f | 0x80
	text := make([]byte, 0, 36)
	for i, b := range random {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			text = append(text, '-')
		}
		text = hex.AppendEncode(text, []byte{b})
	}
	return string(text)
}

func randomBytes() (random [16]byte) {
	binary.NativeEndian.PutUint64(random[:8], rand.Uint64())
	binary.NativeEndian.PutUint64(random[8:], rand.Uint64())
	return random
}

// Pair returns the addresses of a message between two numbers: both are WhatsApp's where one is, since no message goes from
// WhatsApp to a bare number or back.
func Pair(from, to string) (pairFrom, pairTo string) {
	const prefix = "whatsapp"
	switch {
	case channel(from) == prefix && channel(to) == "" && to != "":
		return from, prefix + ":" + to
	case channel(to) == prefix && channel(from) == "" && from != "":
		return prefix + ":" + from, to
	}
	return from, to
}

// channel returns the prefix of an address, without its colon: "whatsapp" of "whatsapp:+1…", and "" of a number.
func channel(address string) string {
	prefix, _, found := strings.Cut(address, ":")
	if !found {
		return ""
	}
	return prefix
}
