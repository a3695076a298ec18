package inspect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"smsession/internal/conversation"
)

// Safe is a text that does nothing to a terminal but stand there: control characters, escape sequences, what turns the
// direction of writing, and bytes that are not UTF-8 are written as Go writes them in a string.
func Safe(s string) string {
	if !strings.ContainsFunc(s, unprintable) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case unprintable(r):
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		default:
			b.WriteRune(r)
		}
		s = s[n:]
	}
	return b.String()
}

func unprintable(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }

// SafeJSON is a JSON text of one line that means the same and does nothing to a terminal. What is not JSON becomes a JSON
// string.
func SafeJSON(text []byte) []byte {
	var line bytes.Buffer
	if json.Compact(&line, text) != nil {
		quoted, _ := json.Marshal(string(text)) // strings always can be
		line = *bytes.NewBuffer(quoted)
	}
	var b []byte
	for rest := line.Bytes(); len(rest) > 0; {
		r, n := utf8.DecodeRune(rest)
		if !unprintable(r) {
			b = append(b, rest[:n]...)
		} else {
			b = appendEscape(b, r)
		}
		rest = rest[n:]
	}
	return b
}

// appendEscape writes a character as JSON may, by its UTF-16 code units.
func appendEscape(b []byte, r rune) []byte {
	for _, unit := range utf16.Encode([]rune{r}) {
		b = fmt.Appendf(b, `\u%04x`, unit)
	}
	return b
}

// Names says how addresses are shown: whole where the operator has typed them anyway, or asked for it, else masked.
type Names struct {
	Reveal bool
	Typed  []string
}

// Show returns an address as it may be seen.
func (n Names) Show(address string) string {
	if n.Reveal {
		return address
	}
	for _, typed := range n.Typed {
		if typed == address {
			return address
		}
	}
	return conversation.Mask(address)
}

// Brief is a time in its two largest units.
func Brief(d time.Duration) string {
	const day = 24 * time.Hour
	switch d = max(d, 0).Truncate(time.Second); {
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	case d < day:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	case d == Forever.Truncate(time.Second):
		return "for ever"
	default:
		return fmt.Sprintf("%dd%02dh", d/day, d%day/time.Hour)
	}
}
