package flags

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"smsession/internal/inspect"
	"smsession/internal/terminal"
	"smsession/internal/usage"
)

// Input is the argument that stands for the numbers on standard input.
const Input = "-"

// ReadNumbers returns the addresses of the arguments. It replaces Input by the numbers on standard input, one on each
// line without the empty ones. It writes to notes which arguments it reads in another way than they were typed. It is
// an error if Input stands for no number, so that an empty list never stands for all senders. The error is a
// usage.Fault for a text that is no number. It does not quote the text.
func ReadNumbers(ctx context.Context, arguments []string, stdin io.Reader, notes io.Writer) ([]usage.Address, error) {
	var numbers []usage.Address
	for _, typed := range arguments {
		if typed == Input {
			lines, err := readLines(ctx, stdin)
			if err != nil {
				return nil, err
			}
			numbers = append(numbers, lines...)
			continue
		}
		number, err := usage.ParseAddress(typed)
		if err != nil {
			return nil, usage.Fault("the number " + err.Error())
		}
		if number.Typed != number.Number {
			fmt.Fprintf(notes, "smsession: %s\n", number.Change())
		}
		numbers = append(numbers, number)
	}
	return numbers, nil
}

// readLines returns the numbers on standard input. The error is that of ctx if ctx ends first.
func readLines(ctx context.Context, stdin io.Reader) ([]usage.Address, error) {
	text, err := terminal.Read(ctx, func() (string, error) {
		text, err := io.ReadAll(stdin)
		return string(text), err
	})
	if err != nil {
		return nil, fmt.Errorf("read the numbers: %w", err)
	}
	var numbers []usage.Address
	lines := 0
	for line := range strings.Lines(text) {
		lines++
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		number, err := usage.ParseAddress(line)
		if strings.HasPrefix(line, "{") {
			err = errors.New("is JSON and not a number: use jq -r .from")
		}
		if err != nil {
			return nil, usage.Fault(fmt.Sprintf("line %d of standard input %v", lines, err))
		}
		numbers = append(numbers, number)
	}
	if len(numbers) == 0 {
		return nil, errors.New("standard input has no number, so nothing was changed")
	}
	return numbers, nil
}

// addresses returns the addresses of the numbers that were typed.
func addresses(numbers ...usage.Address) []string {
	numbers = slices.DeleteFunc(slices.Clone(numbers), func(a usage.Address) bool { return a.Number == "" })
	list := make([]string, len(numbers))
	for i, a := range numbers {
		list[i] = a.Number
	}
	return list
}

// Token is the beginning of a session's token.
type Token string

// Decode parses a value for kong. The error is a usage.Fault if the value is too short: it may come from a variable of
// a script that is not set.
func (t *Token) Decode(ctx *kong.DecodeContext) error {
	if err := ctx.Scan.PopValueInto("token", (*string)(t)); err != nil {
		return err
	}
	if len(*t) < inspect.MinToken {
		return usage.Fault(fmt.Sprintf("--token needs at least the first %d characters of the token", inspect.MinToken))
	}
	return nil
}
