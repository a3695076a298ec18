package main

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// usageFault explains why kong did not accept a command line. kong's own messages quote the command line, and an
// argument may be a password in the wrong place, so this message names only commands and flags. It goes by what kong
// had left to parse.
func usageFault(err error) string {
	var fault commandFault
	var parse *kong.ParseError
	switch {
	case errors.As(err, &fault): // an argument or a Validate method
		return string(fault)
	case !errors.As(err, &parse):
		return "it cannot be understood"
	}
	c := parse.Context
	node := c.Model.Node
	if selected := c.Selected(); selected != nil {
		node = selected
	}
	rest := c.Path[len(c.Path)-1].Remainder()
	switch {
	case len(rest) == 0:
		return missing(c, node)
	case strings.HasPrefix(rest[0], "-") && rest[0] != "-" && rest[0] != "--":
		return badFlag(c, rest)
	}
	return "an argument is neither a flag nor a command" + suggestion(rest[0], children(node))
}

// missing explains a command line that kong could parse and that it does not accept.
func missing(c *kong.Context, node *kong.Node) string {
	for _, p := range c.Path {
		if f := p.Flag; f != nil && f.Enum != "" && !slices.Contains(f.EnumSlice(), fmt.Sprint(f.Target)) {
			return fmt.Sprintf("--%s must be one of %s", f.Name, strings.Trim(strings.Join(f.EnumSlice(), ", "), ", "))
		}
	}
	if names := children(node); len(names) > 0 {
		return "a command is missing: one of " + strings.Join(names, ", ")
	}
	return "an argument is missing"
}

// badFlag explains a flag that kong could not parse. It is the first of the remaining arguments.
func badFlag(c *kong.Context, rest []string) string {
	name, _, hasValue := strings.Cut(rest[0], "=")
	var known []string
	for _, flag := range c.Flags() {
		known = append(known, "--"+flag.Name)
		if "--"+flag.Name != name && (flag.Short == 0 || "-"+string(flag.Short) != name) {
			continue
		}
		hasValue = hasValue || len(rest) > 1 && !strings.HasPrefix(rest[1], "-")
		switch t := flag.Target.Type(); {
		case flag.IsBool():
			return name + " takes no value"
		case !hasValue:
			return fmt.Sprintf("%s needs a value; one that begins with a dash is written %s=VALUE", name, name)
		case t == reflect.TypeFor[time.Duration]():
			return name + " must be a time like 30s or 5m"
		case t.Kind() == reflect.Float64:
			return name + " must be a number"
		}
		return name + " must be a whole number"
	}
	if slices.Contains(allFlags(c.Model.Node), name) {
		return name + " is not a flag of this command, or stands before the command"
	}
	return "a flag is unknown" + suggestion(name, known)
}

// children returns the names of a node's commands.
func children(node *kong.Node) (names []string) {
	for _, child := range node.Children {
		if !child.Hidden {
			names = append(names, child.Name)
		}
	}
	return names
}

// allFlags returns the flags of a node and of all commands below it.
func allFlags(node *kong.Node) (names []string) {
	for _, flag := range node.Flags {
		names = append(names, "--"+flag.Name)
	}
	for _, child := range node.Children {
		names = append(names, allFlags(child)...)
	}
	return names
}

// suggestion returns the names that a misspelt word may stand for, as the end of a sentence.
func suggestion(word string, names []string) string {
	const near = 2
	similar := slices.DeleteFunc(names, func(name string) bool {
		return !strings.HasPrefix(name, word) && distance(word, name) > near
	})
	if len(similar) == 0 {
		return ""
	}
	return ", did you mean " + strings.Join(similar, " or ") + "?"
}

// distance returns the Levenshtein distance between two words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitution := diagonal
			if a[i] != b[j] {
				substitution++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitution, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
