package main

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// usageFault explains why kong did not accept a command line. kong's own messages quote the command line, and an
// argument may be a password in the wrong place. Therefore this message names only commands and flags. It depends on the
// arguments that kong had left to parse.
func usageFault(err error) string {
	var fault commandFault
	var parse *kong.ParseError
	switch {
	case errors.As(err, &fault): // of an argument or a Validate method
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
		return missing(c, commandNames(node))
	case strings.HasPrefix(rest[0], "-") && rest[0] != "-" && rest[0] != "--":
		return badFlag(c, rest)
	}
	return "an argument is neither a flag nor a command" + suggestion(rest[0], commandNames(node))
}

// missing explains a command line that kong could parse and that it does not accept.
func missing(c *kong.Context, commands []string) string {
	for _, p := range c.Path {
		if f := p.Flag; f != nil && f.Enum != "" && !slices.Contains(f.EnumSlice(), fmt.Sprint(f.Target)) {
			return fmt.Sprintf("--%s must be one of %s", f.Name, strings.Trim(strings.Join(f.EnumSlice(), ", "), ", "))
		}
	}
	if len(commands) > 0 {
		return "a command is missing: one of " + strings.Join(commands, ", ")
	}
	return "an argument is missing"
}

// badFlag explains a flag that kong could not parse. It is the first of the remaining arguments.
func badFlag(c *kong.Context, rest []string) string {
	name, _, hasValue := strings.Cut(rest[0], "=")
	flags := c.Flags()
	i := slices.IndexFunc(flags, func(f *kong.Flag) bool {
		return "--"+f.Name == name || f.Short != 0 && "-"+string(f.Short) == name
	})
	hasValue = hasValue || len(rest) > 1 && !strings.HasPrefix(rest[1], "-")
	switch {
	case i < 0 && slices.Contains(flagNames(allFlags(c.Model.Node)), name):
		return name + " is not a flag of this command, or it is before the command"
	case i < 0:
		return "a flag is unknown" + suggestion(name, flagNames(flags))
	case flags[i].IsBool():
		return name + " takes no value"
	case !hasValue:
		return fmt.Sprintf("%s needs a value; one that begins with a dash is written %s=VALUE", name, name)
	}
	switch flags[i].Target.Interface().(type) {
	case time.Duration:
		return name + " must be a time like 30s or 5m"
	case float64:
		return name + " must be a number"
	case *url.URL:
		return name + " must be a URL"
	}
	return name + " must be a whole number"
}

func commandNames(node *kong.Node) (names []string) {
	for _, child := range node.Children {
		if !child.Hidden {
			names = append(names, child.Name)
		}
	}
	return names
}

func flagNames(flags []*kong.Flag) (names []string) {
	for _, flag := range flags {
		names = append(names, "--"+flag.Name)
	}
	return names
}

// allFlags returns the flags of a node and of all commands below it.
func allFlags(node *kong.Node) []*kong.Flag {
	flags := slices.Clone(node.Flags)
	for _, child := range node.Children {
		flags = append(flags, allFlags(child)...)
	}
	return flags
}

// suggestion returns the names that a misspelt word may mean, as the end of a sentence.
func suggestion(word string, names []string) string {
	similar := slices.DeleteFunc(names, func(name string) bool {
		return !strings.HasPrefix(name, word) && !isNear(word, name, 2)
	})
	if len(similar) == 0 {
		return ""
	}
	return ", did you mean " + strings.Join(similar, " or ") + "?"
}

// isNear reports whether b can be made from a with at most this number of edits. An edit inserts, deletes or replaces one byte.
func isNear(a, b string, edits int) bool {
	for a != "" && b != "" && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	switch {
	case a == "" || b == "":
		return len(a)+len(b) <= edits
	case edits == 0:
		return false
	}
	return isNear(a[1:], b, edits-1) || isNear(a, b[1:], edits-1) || isNear(a[1:], b[1:], edits-1)
}
