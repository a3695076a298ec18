package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"smsession/internal/twiliotest"
	"smsession/internal/webhooktest"
)

// TestSentence uses an error whose text contains control characters, because another program may have sent it.
func TestSentence(t *testing.T) {
	err := errors.Join(errors.New("Twilio says \x1b[2Jhello\rbye"), errors.New("and \u202eno more"))
	if got, want := sentence(err), `Twilio says \x1b[2Jhello\rbye; and \u202eno more`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestJSON compares the JSON of a command with its text.
func TestJSON(t *testing.T) {
	t.Setenv("PUBLIC_URL", webhooktest.PublicURL)
	t.Setenv("TWILIO_AUTH_TOKEN", webhooktest.AuthToken)
	t.Setenv("REDIS_URL", "redis://:S3cr3t@127.0.0.1:1")
	const away = "smsession: warning: Redis cannot be used: "
	for _, command := range []string{"config", "version"} {
		t.Run(command, func(t *testing.T) {
			var text, object, stderr bytes.Buffer
			for out, args := range map[*bytes.Buffer][]string{&text: {command}, &object: {command, "--json"}} {
				status := run(t.Context(), &process{stdout: out, stderr: &stderr}, args)
				if status != 0 || strings.Count(stderr.String(), "\n") != strings.Count(stderr.String(), away) {
					t.Fatalf("exit status %d, %s", status, stderr.String())
				}
			}
			var fields map[string]string
			if err := json.Unmarshal(object.Bytes(), &fields); err != nil ||
				bytes.Count(object.Bytes(), []byte("\n")) != 1 {
				t.Fatalf("%v: %s", err, object.String())
			}
			settings, _, _ := strings.Cut(text.String(), "\n\n")
			lines := strings.Split(strings.TrimSpace(settings), "\n")
			if len(fields) != len(lines) {
				t.Errorf("%d fields for %d lines", len(fields), len(lines))
			}
			for _, line := range lines {
				name, value, _ := strings.Cut(line, " ")
				if command == "version" {
					name = command
				}
				if got, found := fields[name]; !found || got != strings.TrimSpace(value) {
					t.Errorf("%q has the field %q", line, got)
				}
			}
			if printed := object.String() + stderr.String(); strings.Contains(printed, "S3cr3t") ||
				strings.Contains(printed, webhooktest.AuthToken) {
				t.Errorf("a secret is in %s", printed)
			}
		})
	}
}

// TestClosedPipe runs the commands that need Twilio's REST API. systemtest has the same test of all other commands.
func TestClosedPipe(t *testing.T) {
	for _, args := range [][]string{{"show"}, {"show", "--json"}, {"set"}, {"set", "--json"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			o := newOperator(t)
			var stderr strings.Builder
			p := &process{stdout: closedPipe(t), stderr: &stderr, transport: o.outside}
			status := run(t.Context(), p, append(append([]string{"webhook"}, args...), twiliotest.ExampleNumber))
			if status != 0 || stderr.Len() > 0 {
				t.Errorf("exit status %d, %s", status, stderr.String())
			}
		})
	}
}

// closedPipe returns a pipe whose reader has gone.
func closedPipe(t *testing.T) *os.File {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { writer.Close() })
	reader.Close()
	return writer
}

func TestReport(t *testing.T) {
	rows := []struct {
		name string
		err  error
		want string
	}{
		{"a full disk is an error", &os.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.ENOSPC},
			"smsession: write /dev/stdout: no space left on device\n"},
		{"a broken connection is not a closed pipe", &net.OpError{Op: "write", Net: "tcp", Err: syscall.EPIPE},
			"smsession: write tcp: broken pipe\n"},
		{"an interruption is reported without the error that it caused", fmt.Errorf("read: %w", context.Canceled), "smsession: interrupted\n"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			var stderr strings.Builder
			if status := (&process{stderr: &stderr}).report(row.err); status != 1 || stderr.String() != row.want {
				t.Errorf("exit status %d, %q", status, stderr.String())
			}
		})
	}
}
