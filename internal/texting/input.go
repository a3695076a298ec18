package texting

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/peterh/liner"

	"smsession/internal/terminal"
)

// Input is a source of lines. It is not safe for concurrent use. After the end of Open's context, Ask returns false,
// and Next returns the error of the context unless the lines are texts of the command line.
type Input struct {
	Next  func() (string, error)     // returns io.EOF after the last line
	Typed bool                       // a person types the lines
	Ask   func(question string) bool // asks the person a yes-or-no question; nil if no person can answer
	Close func()                     // restores the terminal; it must be called
}

// Open returns an Input of the texts. If there are no texts, the lines are those that a person types at the terminal.
// If stdin or stdout is not a terminal, they are the lines of standard input.
func Open(ctx context.Context, texts []string, stdout, stderr io.Writer) Input {
	switch {
	case len(texts) == 0 && terminal.Is(os.Stdin) && terminal.Is(stdout):
		return prompt(ctx)
	case len(texts) == 0:
		return pipe(ctx, os.Stdin)
	}
	in := Input{Next: arguments(texts), Close: func() {}}
	if terminal.Is(os.Stdin) && terminal.Is(stderr) {
		in.Ask = func(question string) bool { return terminal.Confirm(ctx, os.Stdin, stderr, question) }
	}
	return in
}

// arguments returns a function that returns the texts one after the other, and then io.EOF.
func arguments(texts []string) func() (string, error) {
	return func() (string, error) {
		if len(texts) == 0 {
			return "", io.EOF
		}
		text := texts[0]
		texts = texts[1:]
		return text, nil
	}
}

// pipe returns an input of the lines that are read from r. A line of 64 KiB or more is an error. It would be too long
// for a message.
func pipe(ctx context.Context, r io.Reader) Input {
	lines := bufio.NewScanner(r)
	scan := func() (string, error) {
		if lines.Scan() {
			return lines.Text(), nil
		}
		if err := lines.Err(); err != nil {
			return "", fmt.Errorf("read the lines to send: %w", err)
		}
		return "", io.EOF
	}
	return Input{Next: func() (string, error) { return terminal.Read(ctx, scan) }, Close: func() {}}
}

// prompt returns an input of the lines that a person types at the terminal, with editing, a history and completion of
// the commands. Ctrl-C and Ctrl-D end it.
func prompt(ctx context.Context) Input {
	line := liner.NewLiner()
	line.SetCtrlCAborts(true)
	line.SetCompleter(complete)
	next := func() (string, error) {
		text, err := terminal.Read(ctx, func() (string, error) { return line.Prompt(string(sent)) })
		switch {
		case errors.Is(err, liner.ErrPromptAborted):
			return "", io.EOF
		case err != nil:
			fmt.Fprintln(os.Stdout) // so that the shell's prompt begins a new line
		case strings.TrimSpace(text) != "":
			line.AppendHistory(text)
		}
		return text, err
	}
	ask := func(question string) bool {
		fmt.Fprintln(os.Stdout, string(note)+question)
		return terminal.ReadYes(ctx, os.Stdout, func() (string, error) { return line.Prompt("[y/N] ") })
	}
	return Input{Next: next, Typed: true, Ask: ask, Close: func() { _ = line.Close() }}
}

// complete returns the names of the commands that begin with text. There is none for an empty text.
func complete(text string) (names []string) {
	for _, c := range commands() {
		if strings.HasPrefix(c.name, text) && text != "" {
			names = append(names, c.name)
		}
	}
	return names
}
