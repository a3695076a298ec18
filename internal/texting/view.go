package texting

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"smsession/internal/phone"
)

// View shows a person what happens. *Screen and *Objects are views. Their errors are those of the writer behind them.
type View interface {
	Typed(line string) error           // a line that is about to be done
	Delivered(d *phone.Delivery) error // a message that has been delivered, or not
	Note(lines ...string) error        // anything else
	ToggleVerbose() string             // shows more, or no longer, and returns a note on it
}

// escape makes a text that the other side may have chosen safe for a terminal: control characters could rewrite the screen
// or worse, and direction marks could make one text look like another. Joiners stay, since emoji are made of them.
// See https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing.
func escape(s string) string {
	var b strings.Builder
	for i, r := range s {
		if r == utf8.RuneError && strings.HasPrefix(s[i:], "\uFFFD") || printable(r) {
			b.WriteRune(r)
		} else if r == utf8.RuneError {
			fmt.Fprintf(&b, `\x%02x`, s[i])
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		}
	}
	return b.String()
}

// printable reports whether a terminal shows r and does nothing else about it.
func printable(r rune) bool {
	const nonJoiner, joiner = '\u200C', '\u200D'
	return r != utf8.RuneError && (unicode.IsPrint(r) || unicode.Is(unicode.Zs, r) || r == nonJoiner || r == joiner)
}
