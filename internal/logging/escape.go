package logging

import (
	"bytes"
	"io"
	"unicode"
	"unicode/utf8"

	"smsession/internal/terminal"
)

func escapeText(line []byte) []byte { return []byte(terminal.Escape(string(line))) }

// escaper escapes the characters of log lines that could control a terminal. slog's JSON format leaves C1 and bidirectional
// controls unescaped, and both of its formats leave DEL unescaped.
type escaper struct {
	out    io.Writer
	escape func(line []byte) []byte // returns a printable line with the same meaning; both have no newline
}

// Write must be called with one whole line, as slog's handlers do.
func (e escaper) Write(line []byte) (int, error) {
	if printable(line) {
		return e.out.Write(line)
	}
	escaped := e.escape(bytes.TrimSuffix(line, []byte("\n")))
	if _, err := e.out.Write(append(escaped, '\n')); err != nil {
		return 0, err
	}
	return len(line), nil
}

// printable reports whether a line needs no more escaping. The C0 controls need none, because slog escapes them in both
// formats. Most lines are ASCII, so printable does not decode ASCII as runes.
func printable(line []byte) bool {
	for i := 0; i < len(line); {
		if line[i] < unicode.MaxASCII {
			i++
			continue
		}
		r, size := utf8.DecodeRune(line[i:])
		if !unicode.IsPrint(r) {
			return false
		}
		i += size
	}
	return true
}
