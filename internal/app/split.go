package app

import (
	"strings"
	"unicode"
	"unicode/utf16"
)

// maxUnits is the size of the longest text that Twilio sends, 1,600 characters
// (https://www.twilio.com/docs/api/errors/21617). A character outside the Basic Multilingual Plane counts as two.
const maxUnits = 1600

// split splits a text into parts of at most 1,600 UTF-16 units. It splits at white space, which it drops, and never
// within a character. A text that fits is returned unchanged; other parts neither begin nor end with white space. A
// blank text is one empty part.
func split(text string) []string {
	if strings.TrimSpace(text) == "" {
		return []string{""}
	}
	var parts []string
	for {
		end := fitting(text)
		if end == len(text) {
			return append(parts, text)
		}
		// A word that ends exactly at the limit is not split.
		if space := strings.LastIndexFunc(text[:end], unicode.IsSpace); space > 0 && !startsWithSpace(text[end:]) {
			end = space
		}
		part := strings.TrimSpace(text[:end])
		text = strings.TrimLeftFunc(text[end:], unicode.IsSpace)
		if part != "" {
			parts = append(parts, part)
		}
		if text = strings.TrimSpace(text); text == "" {
			return parts
		}
	}
}

// fitting returns how many bytes of a text have at most maxUnits UTF-16 units.
func fitting(text string) int {
	units := 0
	for i, r := range text {
		if units += max(utf16.RuneLen(r), 1); units > maxUnits {
			return i
		}
	}
	return len(text)
}

func startsWithSpace(text string) bool {
	return strings.IndexFunc(text, unicode.IsSpace) == 0
}
