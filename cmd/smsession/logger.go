package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"smsession/internal/config"
	"smsession/internal/terminal"
)

// logger is the log of the process.
type logger struct {
	*slog.Logger
	lines *batch
}

// end writes the last lines, if somebody reads them.
func (l *logger) end() { l.lines.end() }

// dropped is how many lines nobody read.
func (l *logger) dropped() int { return int(l.lines.dropped.Load()) }

func newLogger(cfg config.Config, w io.Writer) *logger {
	format := func(w io.Writer) slog.Handler {
		options := &slog.HandlerOptions{Level: cfg.LogLevel}
		if cfg.LogFormat == config.LogText {
			return slog.NewTextHandler(printer{w, safeText}, options)
		}
		return slog.NewJSONHandler(printer{w, terminal.EscapeJSON}, options)
	}
	lines := newBatch(w, format)
	return &logger{slog.New(prompt{format(lines), lines}), lines}
}

const (
	// batchDelay is how long a line may wait for others. One write a line costs a tenth of all that a message does.
	batchDelay = 50 * time.Millisecond

	// batchSize is what may wait for a reader that has stalled; what comes then is dropped, and counted.
	batchSize = 1 << 20
)

// batch writes lines together, in a goroutine of its own: a log that nobody reads, a stopped terminal or a full pipe, must
// not keep a message waiting.
type batch struct {
	out    io.Writer
	format func(io.Writer) slog.Handler // of what it has to say itself
	some   chan struct{}                // there is a first line
	hurry  chan struct{}                // something is worth writing at once
	ended  chan struct{}
	done   chan struct{}

	dropped atomic.Int64 // lines, since the start

	mu    sync.Mutex
	lines []byte
}

func newBatch(w io.Writer, format func(io.Writer) slog.Handler) *batch {
	b := &batch{
		out: w, format: format,
		some: make(chan struct{}, 1), hurry: make(chan struct{}, 1), ended: make(chan struct{}), done: make(chan struct{}),
	}
	go b.run()
	return b
}

// Write takes a line. It never waits and never fails.
func (b *batch) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.lines)+len(line) > batchSize {
		b.dropped.Add(1)
		return len(line), nil
	}
	if b.lines = append(b.lines, line...); len(b.lines) == len(line) {
		tell(b.some)
	}
	return len(line), nil
}

// flush has what is there written soon.
func (b *batch) flush() { tell(b.hurry) }

func tell(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default: // it has been told already
	}
}

// end writes the last lines, and waits for that as long as a reader is worth waiting for.
func (b *batch) end() {
	close(b.ended)
	select {
	case <-b.done:
	case <-time.After(time.Second):
	}
}

func (b *batch) run() {
	defer close(b.done)
	var spare []byte
	var told int64
	for last := false; !last; {
		select {
		case <-b.some:
		case <-b.ended:
		}
		select {
		case <-time.After(batchDelay):
		case <-b.hurry:
		case <-b.ended:
			last = true
		}
		dropped := b.dropped.Load()
		spare = b.write(spare, dropped-told)
		told = dropped
	}
}

// write writes what is there, and how many lines are not, and leaves the given room for what comes meanwhile. It returns
// the room that it then has.
func (b *batch) write(spare []byte, dropped int64) []byte {
	b.mu.Lock()
	lines := b.lines
	b.lines = spare[:0]
	b.mu.Unlock()
	if dropped > 0 {
		var note bytes.Buffer
		slog.New(b.format(&note)).Warn("log lines were dropped, because nobody read them", "lines", dropped)
		lines = append(lines, note.Bytes()...)
	}
	if len(lines) > 0 {
		_, _ = b.out.Write(lines) // there is nowhere to say that it failed
	}
	return lines
}

// prompt has a line that is not about an ordinary request written at once: the process may not live to write it later.
type prompt struct {
	slog.Handler
	lines *batch
}

// Handle writes the line.
func (p prompt) Handle(ctx context.Context, r slog.Record) error {
	err := p.Handler.Handle(ctx, r)
	if r.Level >= slog.LevelWarn || r.Message != "request" {
		p.lines.flush()
	}
	return err
}
