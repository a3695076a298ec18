package main

import (
	"bytes"
	"io"
	"unicode"
	"unicode/utf8"

	"smsession/internal/terminal"
)

// printer escapes what could control a terminal in log lines. slog's JSON format leaves C1 and bidirectional controls
// unescaped, and both of its formats leave DEL unescaped.
type printer struct {
	out    io.Writer
	escape func([]byte) []byte // returns a printable line with the same meaning; the line has no newline
}

// Write must be called with one whole line, as slog's handlers do.
func (p printer) Write(line []byte) (int, error) {
	if !printable(line) {
		escaped := p.escape(bytes.TrimSuffix(line, []byte("\n")))
		if _, err := p.out.Write(append(escaped, '\n')); err != nil {
			return 0, err
		}
		return len(line), nil
	}
	return p.out.Write(line)
}

// printable reports whether a line needs no more escaping. The C0 controls need none, because slog escapes them in both
// formats.
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

// safeText is terminal.Escape for a line of bytes.
func safeText(line []byte) []byte { return []byte(terminal.Escape(string(line))) }
