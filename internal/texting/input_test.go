package texting

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// all returns the lines of an input, and the error that ends it.
func all(in Input) (lines []string, err error) {
	for {
		line, err := in.Next()
		if err != nil {
			return lines, err
		}
		lines = append(lines, line)
	}
}

func TestOpenReadsTheTexts(t *testing.T) {
	in := Open(t.Context(), []string{"one", "two"}, io.Discard, io.Discard)
	defer in.Close()
	if lines, err := all(in); !slices.Equal(lines, []string{"one", "two"}) || !errors.Is(err, io.EOF) || in.Typed ||
		in.Ask != nil {
		t.Errorf("%q, %v, %+v", lines, err, in)
	}
}

func TestPipe(t *testing.T) {
	in := pipe(t.Context(), strings.NewReader("one\r\n\ntwo"))
	if lines, err := all(in); !slices.Equal(lines, []string{"one", "", "two"}) || !errors.Is(err, io.EOF) {
		t.Errorf("%q, %v", lines, err)
	}
	if _, err := all(pipe(t.Context(), strings.NewReader(strings.Repeat("long ", 20_000)))); err == nil ||
		errors.Is(err, io.EOF) {
		t.Errorf("a line of 100 KB: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	r, w := io.Pipe()
	defer w.Close()
	if _, err := all(pipe(ended, r)); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of the context: %v", err)
	}
}

func TestComplete(t *testing.T) {
	for text, want := range map[string][]string{"/s": {"/skip", "/stop"}, "/again": {"/again"}, "": nil, "s": nil,
		"/again ": nil} {
		if got := complete(text); !slices.Equal(got, want) {
			t.Errorf("%q is completed to %q", text, got)
		}
	}
}
