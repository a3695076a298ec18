package terminal_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"smsession/internal/terminal"
)

// hostile returns texts that control a terminal or make one text look like another, with the texts that are shown
// instead. See ECMA-48 for the control functions and
// https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters.
func hostile() map[string]string {
	rows := map[string]string{
		"\x1b[2J":                      `\x1b[2J`,          // clear the screen
		"\x1b]52;c;aGk=\x07":           `\x1b]52;c;aGk=\a`, // write the clipboard
		"\x1b[2J\x1b]0;title\a":        `\x1b[2J\x1b]0;title\a`,
		"\u009b2J":                     `\u009b2J`, // the same as ESC [ in one character
		"safe\rfake":                   `safe\rfake`,
		"a\bb\x7f":                     `a\bb\x7f`,
		"a\r\nb\tc\x00d\x7f":           `a\r\nb\tc\x00d\x7f`,
		"\u202eevil\u2066\u200f\ufeff": `\u202eevil\u2066\u200f\ufeff`,
		"\xff\xc3(":                    `\xff\xc3(`,
		"\xff\x9b2J":                   `\xff\x9b2J`,
		"\U000E0041\U0001F3F4":         `\U000e0041` + "\U0001F3F4", // a tag character, and a flag
		"one\u2028two":                 `one\u2028two`,
	}
	const digits = "0123456789abcdef"
	for _, r := range "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069" {
		hex := string([]byte{digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15]})
		rows["a"+string(r)+"b"] = `a\u` + hex + "b"
	}
	return rows
}

func TestEscape(t *testing.T) {
	for text, want := range hostile() {
		if got := terminal.Escape(text); got != want {
			t.Errorf("%q is shown as %s, want %s", text, got, want)
		}
		if got := terminal.EscapeMessage(text); got != want {
			t.Errorf("in a message, %q is shown as %s, want %s", text, got, want)
		}
	}
	for _, text := range []string{"+15551234567", "+1555•••4567", "naïve 名", "مرحبا", `C:\x1b`, "\ufffd"} {
		if got := terminal.Escape(text); got != text {
			t.Errorf("%q is shown as %q", text, got)
		}
	}
}

// TestEscapeMessage also shows what the stricter Escape does with the same texts.
func TestEscapeMessage(t *testing.T) {
	for text, strict := range map[string]string{
		"👩\u200d👧 ❤\ufe0f": `👩\u200d👧 ❤` + "\ufe0f",
		"5\u00a0000":       `5\u00a0000`,
		"می\u200cخواهم":    `می\u200cخواهم`,
		"नमस्ते, Grüße":    "नमस्ते, Grüße",
	} {
		if got := terminal.EscapeMessage(text); got != text {
			t.Errorf("%q is shown as %q", text, got)
		}
		if got := terminal.Escape(text); got != strict {
			t.Errorf("elsewhere, %q is shown as %q, want %q", text, got, strict)
		}
	}
}

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

func TestEverythingEscapedIsPrintable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) + rapid.String().Draw(t, "text")
		if got := terminal.Escape(text); !printable(got) {
			t.Errorf("%q is shown as %q", text, got)
		}
		remaining := strings.NewReplacer("\u200c", "", "\u200d", "").Replace(strings.Map(func(r rune) rune {
			if unicode.Is(unicode.Zs, r) {
				return ' '
			}
			return r
		}, terminal.EscapeMessage(text)))
		if !printable(remaining) {
			t.Errorf("in a message, %q is shown as %q", text, remaining)
		}
		if got := string(terminal.EscapeJSON([]byte(text))); !printable(got) || !json.Valid([]byte(got)) {
			t.Errorf("%q is %q in JSON", text, got)
		}
	})
}

// TestEscapedJSONMeansTheSame uses Go's own encoder. It leaves most characters outside ASCII unescaped.
func TestEscapedJSONMeansTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := map[string]any{rapid.String().Draw(t, "name"): []any{rapid.String().Draw(t, "text"),
			rapid.Float64().Draw(t, "number"), nil}}
		before, _ := json.MarshalIndent(value, "\t", " ")
		var want, got any
		_ = json.Unmarshal(before, &want)
		after := terminal.EscapeJSON(before)
		if err := json.Unmarshal(after, &got); err != nil || !reflect.DeepEqual(got, want) ||
			!printable(string(after)) {
			t.Errorf("%s became %s, %v", before, after, err)
		}
	})
	if got := string(terminal.EscapeJSON(
		[]byte("{ \"a\" : \"\u202e\U000e0041\" }"))); got != `{"a":"\u202e\udb40\udc41"}` {
		t.Errorf("got %s", got)
	}
}

func TestWriteJSON(t *testing.T) {
	var b strings.Builder
	if err := terminal.WriteJSON(&b, map[string]string{"url": "https://a.example/?b=1&c=<2>\u009b"}); err != nil {
		t.Fatal(err)
	}
	if want := `{"url":"https://a.example/?b=1&c=<2>\u009b"}` + "\n"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
	if err := terminal.WriteJSON(&b, func() {}); err == nil {
		t.Error("a function was written as JSON")
	}
}
