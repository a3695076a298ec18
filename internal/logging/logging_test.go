package logging_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"smsession/internal/logging"
)

func TestCloseWritesTheLastLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := logging.New(&out, logging.JSON, slog.LevelInfo)
		log.Info("request", "number", 1)
		log.Info("request", "number", 2)
		log.Debug("request", "number", 3)
		log.Close()
		if got := strings.Count(out.String(), "\n"); got != 2 {
			t.Errorf("%d lines were written:\n%s", got, out.String())
		}
	})
}

func TestLinesAfterCloseAreLost(t *testing.T) {
	for range 50 { // Close may come before or after the first line is taken
		synctest.Test(t, func(t *testing.T) {
			log := logging.New(io.Discard, logging.JSON, slog.LevelInfo)
			log.Info("request")
			log.Close()
			log.Info("request")
			log.Info("request")
		})
	}
}

func TestLinesAreWrittenSoon(t *testing.T) {
	for name, row := range map[string]struct {
		level slog.Level
		limit time.Duration
	}{
		"a line of a request is written within 50 ms": {slog.LevelInfo, 50 * time.Millisecond},
		"a warning is written at once":                {slog.LevelWarn, 0},
		"an error is written at once":                 {slog.LevelError, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				reader, writer := io.Pipe()
				log := logging.New(writer, logging.JSON, slog.LevelInfo)
				defer reader.Close() // lets the goroutine of the log end
				defer log.Close()
				began := time.Now()
				log.With("request_id", "a").Log(t.Context(), row.level, "request")
				if _, err := reader.Read(make([]byte, 1000)); err != nil || time.Since(began) > row.limit {
					t.Errorf("the line is written after %v, %v", time.Since(began), err)
				}
			})
		})
	}
}

// TestUnreadLog logs three times as much as the queue takes, to a pipe without a reader. It reads the pipe afterwards.
// The clock of the test stops while a goroutine runs, so Close does not give up early.
func TestUnreadLog(t *testing.T) {
	const lines = 3000
	synctest.Test(t, func(t *testing.T) {
		reader, writer := io.Pipe() // a write waits until somebody reads
		log := logging.New(writer, logging.JSON, slog.LevelInfo)
		for range lines {
			log.Info("request", "line", strings.Repeat("x", 1000))
		}
		out := make(chan string)
		go func() {
			text, _ := io.ReadAll(reader)
			out <- string(text)
		}()
		log.Close()
		writer.Close()
		text := <-out
		written, noticed := countLines(t, text)
		if log.Dropped() != int64(lines-written) || written == lines {
			t.Errorf("%d lines of %d were written, and %d are counted as dropped", written, lines, log.Dropped())
		}
		if noticed != log.Dropped() {
			t.Errorf("the notices report %d dropped lines, want %d", noticed, log.Dropped())
		}
		if len(text) > 2<<20 {
			t.Errorf("%d bytes were written", len(text))
		}
	})
}

// countLines counts the ordinary lines of a log, and the dropped lines that its notices report.
func countLines(t *testing.T, text string) (ordinary int, noticed int64) {
	t.Helper()
	for line := range strings.Lines(text) {
		var one struct {
			Level, Msg string
			Lines      int64
		}
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatalf("%q is not JSON: %v", line, err)
		}
		switch {
		case one.Msg == "request":
			ordinary++
		case strings.Contains(one.Msg, "log lines were dropped") && one.Level == "WARN":
			noticed += one.Lines
		}
	}
	return ordinary, noticed
}

// TestCloseDoesNotWaitForever closes a log that nobody ever reads.
func TestCloseDoesNotWaitForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader, writer := io.Pipe()
		log := logging.New(writer, logging.Text, slog.LevelInfo)
		log.Info("request")
		log.Close()
		reader.Close() // lets the goroutine of the log end
	})
}
