package main

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"

	"smsession/internal/config"
)

// newLogger returns the logger of the process, and what writes out its last lines.
func newLogger(cfg config.Config, w io.Writer) (log *slog.Logger, flush func()) {
	lines := &batch{out: w}
	options := &slog.HandlerOptions{Level: cfg.LogLevel}
	var h slog.Handler = slog.NewJSONHandler(lines, options)
	if cfg.LogFormat == config.LogText {
		h = slog.NewTextHandler(lines, options)
	}
	return slog.New(flushing{h, lines}), lines.flush
}

const (
	// batchDelay is how long a line may wait for others. One write a line costs a tenth of all that a message does.
	batchDelay = 50 * time.Millisecond

	batchSize = 32 << 10
)

// batch collects lines and writes them together.
type batch struct {
	mu        sync.Mutex
	out       io.Writer
	lines     []byte
	scheduled bool
}

func (b *batch) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, line...)
	switch {
	case len(b.lines) >= batchSize:
		b.write()
	case !b.scheduled:
		b.scheduled = true
		time.AfterFunc(batchDelay, b.flush)
	}
	return len(line), nil
}

func (b *batch) flush() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.scheduled = false
	b.write()
}

func (b *batch) write() {
	if len(b.lines) > 0 {
		_, _ = b.out.Write(b.lines) // there is nowhere to say that it failed
		b.lines = b.lines[:0]
	}
}

// flushing writes a line that is not about an ordinary request at once: the process may not live to write it later.
type flushing struct {
	slog.Handler
	lines *batch
}

func (f flushing) Handle(ctx context.Context, r slog.Record) error {
	err := f.Handler.Handle(ctx, r)
	if r.Level >= slog.LevelWarn || r.Message != "request" {
		f.lines.flush()
	}
	return err
}
