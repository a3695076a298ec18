package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"smsession/internal/config"
	"smsession/internal/redistest"
)

func TestTheLastLinesAreWritten(t *testing.T) {
	var out bytes.Buffer
	log := newLogger(config.Defaults(), &out)
	log.Info("request", "number", 1)
	log.Info("request", "number", 2)
	log.end()
	if got := strings.Count(out.String(), "\n"); got != 2 {
		t.Errorf("%d lines were written:\n%s", got, out.String())
	}
}

func TestLogThatNobodyReadsKeepsNobodyWaiting(t *testing.T) {
	reader, writer := io.Pipe() // a write waits until somebody reads
	log := newLogger(config.Defaults(), writer)
	line := strings.Repeat("x", 1000)
	for range 3000 { // three times what is kept
		log.Info("request", "line", line)
	}
	var out bytes.Buffer
	read := make(chan struct{})
	go func() { defer close(read); _, _ = io.Copy(&out, reader) }()
	log.end()
	writer.Close()
	<-read
	kept := strings.Count(out.String(), `"msg":"request"`)
	if log.dropped() != 3000-kept || kept == 3000 {
		t.Errorf("%d lines of 3000 were written, and it counts %d that were dropped", kept, log.dropped())
	}
	if out.Len() > 2*batchSize {
		t.Errorf("%d bytes were written", out.Len())
	}
	noted := 0 // by notices, which come behind the lines that were written together
	for line := range strings.Lines(out.String()) {
		var one struct {
			Level, Msg string
			Lines      int
		}
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatalf("%q is not JSON: %v", line, err)
		}
		if strings.Contains(one.Msg, "log lines were dropped") && one.Level == "WARN" {
			noted += one.Lines
		}
	}
	if noted != log.dropped() {
		t.Errorf("the notices count %d lines that were dropped, want %d", noted, log.dropped())
	}
}

// A reader that goes away would end the process by SIGPIPE.
func TestLogWhoseReaderIsGoneEndsNothing(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	r := startReplica(t, server.URL())
	r.stderrPipe.Close()
	s := newSender()
	for n := 1; n <= 3; n++ {
		if a, err := s.send(r.url, "/sms", newSID(), ""); err != nil || a.text() != greeting(n) {
			t.Fatalf("message %d was answered %q, %v", n, a.text(), err)
		}
		time.Sleep(2 * batchDelay)
	}
	r.signal(os.Interrupt)
	if status := r.wait(); status != 0 {
		t.Errorf("it ended with %d", status)
	}
}
