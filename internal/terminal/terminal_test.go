package terminal_test

import (
	"context"
	"errors"
	"io"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"smsession/internal/terminal"
)

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 5 * time.Second: "5s", time.Minute: "1m", 650 * time.Second: "650s", 90 * time.Minute: "1h30m",
		4 * time.Hour: "4h", 720 * time.Hour: "720h", time.Hour + time.Second: "1h0m1s", 1500 * time.Millisecond: "1.5s",
	} {
		got := terminal.Duration(d)
		if back, err := time.ParseDuration(got); got != want || err != nil || back != d {
			t.Errorf("%v is %q, which is read as %v, %v; want %q", d, got, back, err, want)
		}
	}
}

func TestBrief(t *testing.T) {
	const day = 24 * time.Hour
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 0: "0s", 59*time.Second + 999*time.Millisecond: "59s", time.Minute: "1m00s",
		3599 * time.Second: "59m59s", 4 * time.Hour: "4h00m", day - time.Second: "23h59m", day: "1d00h",
		30*day - time.Minute: "29d23h", math.MaxInt64: "106751d23h",
	} {
		if got := terminal.Brief(d); got != want {
			t.Errorf("%d is %s, want %s", d, got, want)
		}
	}
}

func TestWriteTable(t *testing.T) {
	var b strings.Builder
	err := terminal.WriteTable(&b, []string{"number", "+1555•••4567"}, []string{"friendly name", "a\tb\x1b[2J"}, []string{"名", "none"})
	want := "" +
		"number         +1555•••4567\n" +
		"friendly name  a\\tb\\x1b[2J\n" +
		"名              none\n"
	if err != nil || b.String() != want {
		t.Errorf("%v, got\n%swant\n%s", err, b.String(), want)
	}
}

func TestConfirm(t *testing.T) {
	for answer, want := range map[string]bool{
		"y\n": true, "YES\r\n": true, " yes \n": true, "n\n": false, "\n": false, "": false, "yesterday\n": false, "y": true,
	} {
		var out strings.Builder
		if got := terminal.Confirm(t.Context(), strings.NewReader(answer), &out, "Go on?"); got != want {
			t.Errorf("%q is taken as %v", answer, got)
		}
		if want := "Go on? [y/N] "; strings.TrimSuffix(out.String(), "\n") != want || strings.HasSuffix(out.String(), "\n") == strings.HasSuffix(answer, "\n") {
			t.Errorf("after %q, the terminal shows %q", answer, out.String())
		}
	}
}

func TestAReadEndsWithItsContext(t *testing.T) {
	in, out := io.Pipe()
	defer out.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if terminal.Confirm(ctx, in, io.Discard, "Go on?") {
		t.Error("nobody answered, but the result is yes")
	}
	if _, err := terminal.Read(ctx, func() (string, error) { _, err := in.Read(nil); return "", err }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestAFileThatIsNoTerminal(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/file")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, out := range []any{file, &strings.Builder{}, nil} {
		lines, columns := terminal.Size(out)
		if terminal.Is(out) || lines != 24 || columns != 80 {
			t.Errorf("%T: %v, %d lines of %d columns", out, terminal.Is(out), lines, columns)
		}
	}
}
