package main

import (
	"bytes"
	"io"
	"unicode"
	"unicode/utf8"

	"smsession/internal/inspect"
)

// printer passes on log lines that do nothing to a terminal. slog's JSON format leaves C1 and bidirectional controls as
// they are, and both of its formats DEL.
type printer struct {
	out    io.Writer
	escape func([]byte) []byte // rewrites a line, given without its newline, so that it is printable and means the same
}

// Write takes one whole line, as slog's handlers write them.
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

// printable reports whether a line has nothing to escape but what slog itself escapes in both formats: the C0 controls.
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

// safeText is inspect.Safe for a line of bytes.
func safeText(line []byte) []byte { return []byte(inspect.Safe(string(line))) }
