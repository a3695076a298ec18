package logging

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

// logged returns the line that a logger writes in a format.
func logged(format Format, message, key, value string) string {
	var out bytes.Buffer
	slog.New(slogHandler(&out, format, slog.LevelInfo)).Info(message, key, value)
	return strings.TrimSuffix(out.String(), "\n")
}

// A person reads a log in a terminal. Some characters control the terminal or change the order of the text: C1 controls
// such as CSI, the bidirectional controls of https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters,
// and U+FEFF.
func TestLinesDoNothingToATerminal(t *testing.T) {
	runes := []rune{0x00, 0x07, 0x1b, 0x7f, 0x85, 0x9b, 0x9d, 0x9f, 0xa0, 0xad, 0x61c, 0x200b, 0x200e, 0x200f, 0x2028,
		0x2029, 0x2060, 0xfeff, 0xfff9, 0xe0041, 0x10fffd}
	for r := rune(0x202a); r <= 0x202e; r++ {
		runes = append(runes, r)
	}
	for r := rune(0x2066); r <= 0x2069; r++ {
		runes = append(runes, r)
	}
	for _, format := range []Format{JSON, Text} {
		for _, r := range runes {
			text := "a" + string(r) + "b"
			for _, line := range []string{logged(format, text, "key", "value"),
				logged(format, "message", text, "value"), logged(format, "message", "key", text)} {
				if strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
					t.Errorf("%s shows %U as %q", format, r, line)
				}
			}
		}
	}
}

func TestPrintableTextIsNotEscaped(t *testing.T) {
	for _, text := range []string{"+1555•••4567", "naïve 名 😀", "\uFFFD", `"\<&>`} {
		if _, value, _ := strings.Cut(logged(JSON, "message", "key", text), `"key":`); strings.Contains(value, `\u`) {
			t.Errorf("%s is logged as %s", text, value)
		}
	}
}

// The expected values come from slog's own handler.
func TestEscapedLinesMeanTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text") + string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
		var plain bytes.Buffer
		slog.New(slog.NewJSONHandler(&plain, nil)).Info(text, "key"+text, text)
		line := logged(JSON, text, "key"+text, text)
		var want, got map[string]any
		if err := json.Unmarshal(plain.Bytes(), &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		delete(want, "time")
		delete(got, "time")
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q was logged as %s, want %s", text, line, plain.String())
		}
	})
}

// BenchmarkLogLine writes the line of an ordinary message.
func BenchmarkLogLine(b *testing.B) {
	for name, from := range map[string]string{"ascii": "+12025550143", "masked": "+1202•••0143"} {
		b.Run(name, func(b *testing.B) {
			log := New(io.Discard, JSON, slog.LevelInfo)
			defer log.Close()
			b.ReportAllocs()
			for b.Loop() {
				Attrs(b.Context(), log.Logger, slog.LevelInfo, "request",
					slog.String("request_id", "ABCDEFGH-123456"), slog.String("path", "/sms"), slog.Int("status", 200),
					slog.String("result", "continued"), slog.Float64("duration_ms", 1.234),
					slog.String("from", from), slog.String("to", from),
					slog.String("message_sid", "SM0123456789abcdef0123456789abcdef"), slog.Int("attempts", 1))
			}
		})
	}
}
