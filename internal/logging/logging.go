// Package logging makes the log of the process. A log line contains only printable characters, so it cannot control a
// terminal. The lines are written in the background, so no message waits for the log. While nobody reads the log, lines
// are dropped and counted.
package logging

import (
	"bytes"
	"io"
	"log/slog"
	"time"

	"smsession/internal/terminal"
)

// Format is the format of the lines.
type Format string

// The formats are those of slog's handlers.
const (
	JSON Format = "json"
	Text Format = "text"
)

// closeTimeout is how long Close waits for the reader of the log.
const closeTimeout = time.Second

// Logger is a slog.Logger that writes in the background. It is safe for concurrent use.
type Logger struct {
	*slog.Logger
	queue *queue
}

// New returns a Logger that writes lines of this level and above to w. The lines are JSON unless the format is Text.
// The caller must Close the Logger. Errors of w are ignored, because there is no other place to report them. Warnings
// and errors are written at once, and all other lines together every 50 ms. A process that is killed loses the lines
// that have not been written.
func New(w io.Writer, format Format, level slog.Level) *Logger {
	q := newQueue(w, func(lines int64) []byte {
		var notice bytes.Buffer
		log := slog.New(slogHandler(&notice, format, level))
		log.Warn("log lines were dropped, because nobody read them", "lines", lines)
		return notice.Bytes()
	})
	urgent := slog.NewJSONHandler(flusher{q}, &slog.HandlerOptions{Level: slog.LevelWarn})
	both := slog.NewMultiHandler(slogHandler(q, format, level), urgent)
	if format == Text {
		return &Logger{slog.New(both), q}
	}
	return &Logger{slog.New(newHandler(both, q)), q}
}

// Through returns a Logger that writes to the same place, through another handler. Only l must be closed.
func (l *Logger) Through(h slog.Handler) *Logger { return &Logger{slog.New(h), l.queue} }

// flusher flushes the queue instead of writing a line. It is the second writer of each warning and each error.
type flusher struct{ *queue }

func (f flusher) Write(line []byte) (int, error) {
	f.flush()
	return len(line), nil
}

// slogHandler returns a handler that writes each line to w in one call, safe for a terminal.
func slogHandler(w io.Writer, format Format, level slog.Level) slog.Handler {
	options := &slog.HandlerOptions{Level: level}
	if format == Text {
		escape := func(line []byte) []byte { return []byte(terminal.Escape(string(line))) }
		return slog.NewTextHandler(escaper{w, escape}, options)
	}
	return slog.NewJSONHandler(escaper{w, terminal.EscapeJSON}, options)
}

// Dropped returns how many lines were dropped because nobody read the log.
func (l *Logger) Dropped() int64 { return l.queue.dropped.Load() }

// Close writes the last lines. If nobody reads them, it returns after a second. Lines that are logged after Close are
// lost.
func (l *Logger) Close() {
	l.queue.close()
	select {
	case <-l.queue.done:
	case <-time.After(closeTimeout):
	}
}
