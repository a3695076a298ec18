package logging

import (
	"bytes"
	"io"
	"unicode"
)

// escaper escapes the characters of log lines that could control a terminal. slog's JSON format leaves C1 and
// bidirectional controls unescaped, and both of its formats leave DEL unescaped.
type escaper struct {
	out    io.Writer
	escape func(line []byte) []byte // returns a printable line with the same meaning; neither has a newline
}

// Write must be called with one whole line, as slog's handlers do. The C0 controls need no escaping, because slog
// escapes them in both formats.
func (e escaper) Write(line []byte) (int, error) {
	text := bytes.TrimSuffix(line, []byte("\n"))
	if !bytes.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return e.out.Write(line)
	}
	if _, err := e.out.Write(append(e.escape(text), '\n')); err != nil {
		return 0, err
	}
	return len(line), nil
}
