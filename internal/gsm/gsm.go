// Package gsm counts the segments of a text message. The sender pays for each segment.
package gsm

import (
	"strings"
	"unicode/utf16"
)

// Segments describes how a text is split into segments.
type Segments struct {
	Encoding Encoding `json:"encoding"`
	Count    int      `json:"count"` // at least 1
}

// Encoding is the character encoding of a text message.
type Encoding string

// The encodings.
const (
	GSM7 Encoding = "GSM-7"
	UCS2 Encoding = "UCS-2"
)

// The GSM 7-bit default alphabet without its escape character, and its extension table, both in the order of their
// codes (3GPP TS 23.038, 6.2.1). See also https://www.twilio.com/docs/glossary/what-is-gsm-7-character-encoding.
const (
	alphabet = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ" +
		" !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	extension = "\f^{}\\[~]|€"
)

// One message has room for 140 octets. If a text needs several messages, six octets of each message are a header, which
// the receiver needs to join them.
const (
	gsmSingle, gsmPart = 140 * 8 / 7, (140 - 6) * 8 / 7 // 160 and 153 septets
	ucsSingle, ucsPart = 140 / 2, (140 - 6) / 2         // 70 and 67 UTF-16 units
)

// Split returns how a text is split into segments. An empty text takes one segment. If GSM-7 lacks one of the
// characters, the whole text is sent in UCS-2. This is also true if the text is not UTF-8. Split never cuts an
// escaped character or a surrogate pair in two.
//
// Twilio's calculator (github.com/TwilioDevEd/message-segment-calculator) also keeps the characters of one grapheme
// together, for example of a flag. Split does not. The two may therefore differ by one segment.
//
// See https://www.twilio.com/docs/glossary/what-sms-character-limit.
func Split(text string) Segments {
	isMissing := func(r rune) bool { return septets(r) == 0 }
	if strings.ContainsFunc(text, isMissing) {
		return Segments{Encoding: UCS2, Count: count(text, utf16.RuneLen, ucsSingle, ucsPart)}
	}
	return Segments{Encoding: GSM7, Count: count(text, septets, gsmSingle, gsmPart)}
}

// septets returns the width of a character in GSM-7: one septet, two septets with an escape, or 0 if GSM-7 lacks the
// character.
func septets(r rune) int {
	switch {
	case strings.ContainsRune(alphabet, r):
		return 1
	case strings.ContainsRune(extension, r):
		return 2
	}
	return 0
}

// count returns 1 if the text fits into a single message. Otherwise it returns the number of parts.
func count(text string, width func(rune) int, single, part int) int {
	total, parts, room := 0, 1, part
	for _, r := range text {
		w := width(r)
		if total += w; w > room {
			parts, room = parts+1, part
		}
		room -= w
	}
	if total <= single {
		return 1
	}
	return parts
}
