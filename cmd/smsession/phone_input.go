package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/peterh/liner"

	"smsession/internal/texting"
)

// input is where lines come from.
type input struct {
	next   func() (string, error)              // io.EOF after the last
	live   bool                                // a person types them
	prompt func(prompt string) (string, error) // asks the same person something else; nil if not live
	close  func()
}

// input takes the arguments if there are any, and else what is typed or piped. Nobody can type at a terminal whose output
// goes elsewhere, or one that cannot move its cursor: there it is read like a pipe.
func (c *phoneCommand) input(p *process) input {
	switch {
	case len(c.Texts) > 0:
		return input{next: each(c.Texts), close: func() {}}
	case isTerminal(os.Stdin) && isTerminal(p.stdout):
		return typed(p.ctx)
	}
	return input{next: interruptible(p.ctx, piped(os.Stdin)), close: func() {}}
}

// each gives the texts one by one.
func each(texts []string) func() (string, error) {
	return func() (string, error) {
		if len(texts) == 0 {
			return "", io.EOF
		}
		text := texts[0]
		texts = texts[1:]
		return text, nil
	}
}

// piped reads lines of up to 64 KiB, which is more than a webhook would take.
func piped(r io.Reader) func() (string, error) {
	lines := bufio.NewScanner(r)
	return func() (string, error) {
		if lines.Scan() {
			return lines.Text(), nil
		}
		if err := lines.Err(); err != nil {
			return "", fmt.Errorf("read the lines to send: %w", err)
		}
		return "", io.EOF
	}
}

// typed reads from the terminal, with editing, a history of this run, and completion of the commands. Ctrl-C ends the
// input as Ctrl-D does.
func typed(ctx context.Context) input {
	terminal := liner.NewLiner()
	terminal.SetCtrlCAborts(true)
	terminal.SetCompleter(complete)
	entry := func() (string, error) {
		line, err := terminal.Prompt("> ")
		if err == nil && strings.TrimSpace(line) != "" {
			terminal.AppendHistory(line)
		}
		return line, err
	}
	read := interruptible(ctx, entry)
	next := func() (string, error) {
		line, err := read()
		if errors.Is(err, liner.ErrPromptAborted) {
			return "", io.EOF
		}
		if err != nil {
			fmt.Fprintln(os.Stdout) // the shell's prompt does not belong behind ours
		}
		return line, err
	}
	prompt := func(prompt string) (string, error) {
		return interruptible(ctx, func() (string, error) { return terminal.Prompt(prompt) })()
	}
	return input{next: next, live: true, prompt: prompt, close: func() { _ = terminal.Close() }}
}

// complete returns the commands that a line may be the beginning of.
func complete(line string) []string {
	var all []string
	for _, name := range texting.Commands() {
		if strings.HasPrefix(name, line) && line != "" {
			all = append(all, name)
		}
	}
	return all
}

// interruptible makes a read that cannot be interrupted end with ctx. The read itself goes on, and the process does not
// wait for it.
func interruptible(ctx context.Context, next func() (string, error)) func() (string, error) {
	type result struct {
		line string
		err  error
	}
	return func() (string, error) {
		read := make(chan result, 1)
		go func() {
			line, err := next()
			read <- result{line, err}
		}()
		select {
		case r := <-read:
			return r.line, r.err
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}
