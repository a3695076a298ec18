package phone

import (
	"strings"
	"unicode/utf16"
)

// Segments is how a text is split for the air, by which the sender is billed.
type Segments struct {
	Encoding Encoding `json:"encoding"`
	Count    int      `json:"count"`
}

// Encoding is a text message's alphabet.
type Encoding string

const (
	GSM7 Encoding = "GSM-7"
	UCS2 Encoding = "UCS-2"
)

// The GSM 7-bit default alphabet and its extension table (3GPP TS 23.038, 6.2.1), in the order of their codes; in the
// first, the escape to the second is left out. See also https://www.twilio.com/docs/glossary/what-is-gsm-7-character-encoding.
const (
	gsmAlphabet = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ" +
		" !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmExtension = "\f^{}\\[~]|€"
)

// What one message holds: 140 octets. In a message of several, six octets of each are the header that puts them
// together again.
const (
	gsmAlone, gsmPart = 140 * 8 / 7, (140 - 6) * 8 / 7 // 160 and 153 septets
	ucsAlone, ucsPart = 140 / 2, (140 - 6) / 2         // 70 and 67 UTF-16 units
)

// Split returns how many segments a text takes. An empty text takes one. One character that GSM-7 does not have puts
// the whole text into UCS-2; bytes that are not UTF-8 are such characters. An escaped character, and one beyond
// U+FFFF, is not cut in two. Twilio's calculator (github.com/TwilioDevEd/message-segment-calculator) keeps several
// characters that look like one together as well, a flag for instance; this does not, so that the two may differ by
// one segment where a border falls there.
//
// See https://www.twilio.com/docs/glossary/what-sms-character-limit.
func Split(text string) Segments {
	total := 0
	for _, r := range text {
		width := septets(r)
		if width == 0 {
			return Segments{Encoding: UCS2, Count: pack(text, utf16.RuneLen, ucsAlone, ucsPart)}
		}
		total += width
	}
	if total <= gsmAlone { // nearly all are, and need no second look
		return Segments{Encoding: GSM7, Count: 1}
	}
	return Segments{Encoding: GSM7, Count: pack(text, septets, gsmAlone, gsmPart)}
}

// septets returns what a character takes in GSM-7: one septet, two with an escape, or 0 if GSM-7 does not have it.
func septets(r rune) int {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', ' ' <= r && r <= '?': // the common ones, not searched for
		return 1
	case strings.ContainsRune(gsmAlphabet, r):
		return 1
	case strings.ContainsRune(gsmExtension, r):
		return 2
	default:
		return 0
	}
}

// pack counts the segments that a text fills: one if it fits into alone, else as many as it takes of part each.
func pack(text string, width func(rune) int, alone, part int) int {
	total, segments, room := 0, 1, part
	for _, r := range text {
		w := width(r)
		if total += w; w > room {
			segments, room = segments+1, part
		}
		room -= w
	}
	if total <= alone {
		return 1
	}
	return segments
}
