// Package terminal shows text and asks questions at a terminal. It makes text from outside safe to show, and writes
// tables and JSON. It has no code that is specific to conversations or Redis.
package terminal

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/peterh/liner"
	"golang.org/x/term"
)

// Is reports whether file is an *os.File for a terminal whose cursor can be moved.
func Is(file any) bool {
	f, ok := file.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && liner.TerminalSupported()
}

// Size returns the size of the terminal. It returns 24 lines and 80 columns if file is not a terminal, or if the size
// is unknown.
func Size(file any) (lines, columns int) {
	if f, ok := file.(*os.File); ok {
		if columns, lines, err := term.GetSize(int(f.Fd())); err == nil && lines > 0 {
			return lines, columns
		}
	}
	return 24, 80
}

// Confirm writes a yes-or-no question to out, and reports whether the answer from in is yes. It may read more than one
// line from in. It returns false in the cases that ReadYes names.
func Confirm(ctx context.Context, in io.Reader, out io.Writer, question string) bool {
	fmt.Fprintf(out, "%s [y/N] ", question)
	return ReadYes(ctx, out, func() (string, error) { return bufio.NewReader(in).ReadString('\n') })
}

// ReadYes calls read, and reports whether the answer is y or yes, in upper or lower case. It reports false if ctx ends
// first, or if read returns an error and no answer. After an error, it writes a newline to out.
func ReadYes(ctx context.Context, out io.Writer, read func() (string, error)) bool {
	answer, err := Read(ctx, read)
	if err != nil {
		fmt.Fprintln(out) // the person typed no newline
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes"
}

// Read returns the result of read, or the error of ctx if ctx ends first. A read of a terminal cannot be interrupted.
// It then continues in the background, and the line that it reads is lost.
func Read(ctx context.Context, read func() (string, error)) (string, error) {
	type result struct {
		line string
		err  error
	}
	done := make(chan result, 1)
	go func() {
		line, err := read()
		done <- result{line, err}
	}()
	select {
	case r := <-done:
		return r.line, r.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}
