package terminal

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

// Escape returns s with an escape of the Go language, such as \x1b, \u202e or \xff, for every character that does not
// print. Control characters could rewrite the screen, and direction marks could make one text look like another. Bytes
// that are not UTF-8 are escaped one by one.
// See https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing.
func Escape(s string) string { return escape(s, unicode.IsPrint) }

// EscapeMessage is Escape for the text of a message. It also keeps every kind of space, and the joiners that emoji and
// some scripts need.
func EscapeMessage(s string) string {
	const nonJoiner, joiner = '\u200C', '\u200D'
	return escape(s, func(r rune) bool {
		return unicode.IsPrint(r) || unicode.Is(unicode.Zs, r) || r == nonJoiner || r == joiner
	})
}

func escape(s string, prints func(rune) bool) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case prints(r):
			b.WriteRune(r)
		default:
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		}
	}
	return b.String()
}

// EscapeJSON returns the JSON text on one line, with the same meaning and with every character that does not print
// written as an escape of JSON. A text that is not JSON becomes a JSON string. Bytes that are not UTF-8 become \ufffd,
// as JSON decoders do.
func EscapeJSON(text []byte) []byte {
	line := jsontext.Value(text).Clone()
	if line.Compact(jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true)) != nil {
		line, _ = jsontext.AppendQuote(nil, text) // invalid UTF-8 is quoted with U+FFFD
	}
	var escaped []byte
	for _, r := range string(line) {
		if unicode.IsPrint(r) && r != utf8.RuneError {
			escaped = utf8.AppendRune(escaped, r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			escaped = fmt.Appendf(escaped, `\u%04x`, unit)
		}
	}
	return escaped
}

// WriteJSON writes v as one line of JSON that is safe for a terminal. It leaves &, < and > as they are, and writes nil
// slices as empty lists. It returns the error of w, or an error if v cannot be encoded.
func WriteJSON(w io.Writer, v any) error {
	emptyLists, plain := json.FormatNilSliceAsNull(false), jsontext.EscapeForHTML(false)
	text, err := json.Marshal(v, jsonv1.DefaultOptionsV1(), emptyLists, plain)
	if err != nil {
		return err
	}
	_, err = w.Write(append(EscapeJSON(text), '\n'))
	return err
}
