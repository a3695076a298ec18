package logging

import (
	"context"
	"io"
	"log/slog"
	"math"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"
)

// lineHandler is a JSON handler that writes the usual lines itself, because slog takes several times as long: lines
// whose attributes are numbers and printable text. It writes the same bytes as slog, which writes all other lines. It
// is safe for concurrent use.
type lineHandler struct {
	slog.Handler // of slog; it also handles attributes and groups that were added with With
	out          io.Writer
	buffers      *sync.Pool // of *[]byte
}

func newLineHandler(slogs slog.Handler, out io.Writer) lineHandler {
	return lineHandler{slogs, out, &sync.Pool{New: func() any { return new([]byte) }}}
}

// Handle writes one line in one call of Write.
func (h lineHandler) Handle(ctx context.Context, r slog.Record) error {
	buffer := h.buffers.Get().(*[]byte)
	defer h.buffers.Put(buffer)
	line, isUsual := appendLine((*buffer)[:0], r)
	*buffer = line
	if !isUsual {
		return h.Handler.Handle(ctx, r)
	}
	_, err := h.out.Write(line)
	return err
}

// appendLine appends the line of a record. It reports false if the line is not usual, and b must then not be used.
func appendLine(b []byte, r slog.Record) (line []byte, isUsual bool) {
	year := r.Time.Year()
	isUsual = !r.Time.IsZero() && year >= 0 && year <= 9999
	b = append(b, `{"time":"`...)
	b = r.Time.AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","level":"`...)
	b = append(b, r.Level.String()...)
	b = append(b, `","msg":`...)
	b = appendText(b, r.Message, &isUsual)
	r.Attrs(func(a slog.Attr) bool {
		b = append(b, ',')
		b = appendText(b, a.Key, &isUsual)
		b = append(b, ':')
		b = appendValue(b, a.Value, &isUsual)
		return isUsual
	})
	return append(b, "}\n"...), isUsual
}

// appendValue appends a value. It sets isUsual to false if slog must write the value.
func appendValue(b []byte, v slog.Value, isUsual *bool) []byte {
	switch v.Kind() {
	case slog.KindString:
		return appendText(b, v.String(), isUsual)
	case slog.KindInt64:
		return strconv.AppendInt(b, v.Int64(), 10)
	case slog.KindFloat64:
		f := v.Float64()
		if size := math.Abs(f); f == 0 || size >= 1e-6 && size < 1e21 { // encoding/json gives others an exponent
			return strconv.AppendFloat(b, f, 'f', -1, 64)
		}
	}
	*isUsual = false
	return b
}

// appendText appends a string in quotes. It sets isUsual to false if a character of it must be escaped.
func appendText(b []byte, s string, isUsual *bool) []byte {
	for _, r := range s {
		if r > '\\' && r <= '~' || r >= '#' && r < '\\' { // most characters
			continue
		}
		if r == '"' || r == '\\' || r == utf8.RuneError || !strconv.IsPrint(r) {
			*isUsual = false
			return b
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
