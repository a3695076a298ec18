package terminal_test

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"smsession/internal/terminal"
)

func TestWriteTable(t *testing.T) {
	var b strings.Builder
	err := terminal.WriteTable(&b, []string{"number", "+1555•••4567"}, []string{"friendly name", "a\tb\x1b[2J"},
		[]string{"名", "none"})
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
		if want := "Go on? [y/N] "; strings.TrimSuffix(out.String(), "\n") != want ||
			strings.HasSuffix(out.String(), "\n") == strings.HasSuffix(answer, "\n") {
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
	if _, err := terminal.Read(ctx, func() (string, error) { _, err := in.Read(nil); return "", err }); !errors.Is(err,
		context.Canceled) {
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
