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

// handler is a slog.Handler that also writes usual lines itself, because slog takes several times as long: lines whose
// attributes are numbers and printable text. It writes the same bytes as slog. It is safe for concurrent use.
type handler struct {
	slog.Handler // writes all other lines, and those with attributes and groups that were added with With
	out          io.Writer
	buffers      *sync.Pool // of *[]byte
}

func newHandler(slogs slog.Handler, out io.Writer) handler {
	return handler{slogs, out, &sync.Pool{New: func() any { return new([]byte) }}}
}

// Attrs logs a line as l.LogAttrs does, without the source line of its caller. The level must be enabled. It is meant
// for the line of each message: it takes a fraction of the time if l is a Logger of this package that writes JSON.
func Attrs(ctx context.Context, l *slog.Logger, level slog.Level, message string, attrs ...slog.Attr) {
	attrsAt(ctx, l.Handler(), time.Now(), level, message, attrs)
}

func attrsAt(
	ctx context.Context, h slog.Handler, now time.Time, level slog.Level, message string, attrs []slog.Attr,
) {
	ours, isOurs := h.(handler)
	if isOurs && level < slog.LevelWarn && ours.write(now, level, message, attrs) {
		return
	}
	line := slog.NewRecord(now, level, message, 0)
	line.AddAttrs(attrs...)
	_ = h.Handle(ctx, line) // an error of the log cannot be logged
}

// write writes a line in one call of Write. It reports false if slog must write it.
func (h handler) write(now time.Time, level slog.Level, message string, attrs []slog.Attr) bool {
	buffer := h.buffers.Get().(*[]byte)
	defer h.buffers.Put(buffer)
	line, isUsual := appendLine((*buffer)[:0], now, level, message, attrs)
	if *buffer = line; isUsual {
		_, _ = h.out.Write(line) // an error of the log cannot be logged
	}
	return isUsual
}

// appendLine appends a line. It reports false if the line is not usual, and b must then not be used.
func appendLine(
	b []byte, now time.Time, level slog.Level, message string, attrs []slog.Attr,
) (line []byte, isUsual bool) {
	year := now.Year()
	isUsual = !now.IsZero() && year >= 0 && year <= 9999
	b = append(b, `{"time":"`...)
	b = now.AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","level":"`...)
	b = append(b, level.String()...)
	b = append(b, `","msg":`...)
	b = appendText(b, message, &isUsual)
	for _, a := range attrs {
		b = append(b, ',')
		b = appendText(b, a.Key, &isUsual)
		b = append(b, ':')
		b = appendValue(b, a.Value, &isUsual)
	}
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
