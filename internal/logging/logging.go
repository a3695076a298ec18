// Package logging makes the log of the process. A log line does nothing to a terminal, and writing it never makes a
// message wait: the lines are written in the background, and they are dropped and counted while nobody reads them.
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
// config.LogText. The caller must Close it.
func New(w io.Writer, format string, level slog.Level) *Logger {
	q := newQueue(w, func(lines int64) []byte {
		var notice bytes.Buffer
		slog.New(newHandler(&notice, format, level)).Warn("log lines were dropped, because nobody read them", "lines", lines)
		return notice.Bytes()
	})
	return &Logger{slog.New(prompt{newHandler(q, format, level), q}), q}
}

// newHandler returns a handler that writes each line to w in one call, safe for a terminal.
func newHandler(w io.Writer, format string, level slog.Level) slog.Handler {
	options := &slog.HandlerOptions{Level: level}
	if format == config.LogText {
		return slog.NewTextHandler(escaper{w, escapeText}, options)
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

// prompt writes every line that is not about an ordinary request without delay, because the process may end soon.
type prompt struct {
	slog.Handler
	queue *queue
}

// Handle queues one line.
func (p prompt) Handle(ctx context.Context, r slog.Record) error {
	err := p.Handler.Handle(ctx, r)
	if r.Level >= slog.LevelWarn || r.Message != "request" {
		notify(p.queue.urgent)
	}
	return err
}
