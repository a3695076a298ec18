// Package logging makes the log of the process. A log line does nothing to a terminal, and writing it never makes a
// message wait: the lines are written in the background. They are dropped and counted while their reader does not read.
package logging

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"time"

	"smsession/internal/config"
	"smsession/internal/terminal"
)

// closeTimeout is how long Close waits for the reader of the log.
const closeTimeout = time.Second

// Logger is a slog.Logger that writes in the background. It is safe for concurrent use.
type Logger struct {
	*slog.Logger
	queue *queue
}

// New returns a Logger that writes to w the lines of at least a level in a format, which is config.LogJSON or
// config.LogText. The caller must Close it. Warnings and errors are written at once. A process that is killed loses the
// other lines of its last 50 ms.
func New(w io.Writer, format string, level slog.Level) *Logger {
	q := newQueue(w, func(lines int64) []byte {
		var notice bytes.Buffer
		slog.New(newHandler(&notice, format, level)).Warn("log lines were dropped, because nobody read them", "lines", lines)
		return notice.Bytes()
	})
	return &Logger{slog.New(urgentHandler{newHandler(q, format, level), q}), q}
}

// urgentHandler flushes the queue after a warning or an error.
type urgentHandler struct {
	slog.Handler
	queue *queue
}

// Handle writes the record to the queue.
func (h urgentHandler) Handle(ctx context.Context, r slog.Record) error {
	err := h.Handler.Handle(ctx, r)
	if r.Level >= slog.LevelWarn {
		h.queue.flush()
	}
	return err
}

// WithAttrs returns an urgentHandler whose lines have more attributes.
func (h urgentHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return urgentHandler{h.Handler.WithAttrs(attrs), h.queue}
}

// WithGroup returns an urgentHandler whose lines have the attributes in a group.
func (h urgentHandler) WithGroup(name string) slog.Handler {
	return urgentHandler{h.Handler.WithGroup(name), h.queue}
}

// newHandler returns a handler that writes each line to w in one call, safe for a terminal.
func newHandler(w io.Writer, format string, level slog.Level) slog.Handler {
	options := &slog.HandlerOptions{Level: level}
	if format == config.LogText {
		escape := func(line []byte) []byte { return []byte(terminal.Escape(string(line))) }
		return slog.NewTextHandler(escaper{w, escape}, options)
	}
	return slog.NewJSONHandler(escaper{w, terminal.EscapeJSON}, options)
}

// Dropped returns how many lines were dropped because nobody read the log.
func (l *Logger) Dropped() int64 { return l.queue.dropped.Load() }

// Close writes the last lines. It gives up after a second if nobody reads them. It must be called only once. Lines that are
// logged later are lost.
func (l *Logger) Close() {
	close(l.queue.closing)
	select {
	case <-l.queue.done:
	case <-time.After(closeTimeout):
	}
}
