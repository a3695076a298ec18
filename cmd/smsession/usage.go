package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"
)

// usageFault says what is wrong with a command line. It repeats names of ours only: kong's own errors quote what they did
// not understand, and that may be a password which took another place than the one it was meant for.
func usageFault(app *kong.Application, err error) string {
	flags, commands := vocabulary(app.Node)
	text := err.Error()
	what, rest, _ := strings.Cut(text, " ")
	switch name := strings.TrimSuffix(what, ":"); {
	case errors.Is(err, errNoAddress):
		return errNoAddress.Error()
	case strings.HasPrefix(text, "expected one of "):
		return "a command is missing: one of " + strings.Join(following(app, err), ", ")
	case strings.HasPrefix(text, "expected "):
		return "an argument is missing"
	case strings.HasPrefix(text, "unexpected argument "):
		return "an argument is neither a flag nor a command" + suggestion(text, commands)
	case strings.HasPrefix(text, "unknown flag "):
		if name, _, _ := strings.Cut(strings.TrimPrefix(rest, "flag "), ","); slices.Contains(flags, name) {
			return name + " is not a flag of this command, or stands before the command"
		}
		return "a flag is unknown" + suggestion(text, flags)
	case slices.Contains(flags, name) && strings.HasPrefix(rest, "bool value "):
		return name + " takes no value"
	case slices.Contains(flags, name):
		return fmt.Sprintf("%s needs a value; one that begins with a dash is written %s=VALUE", name, name)
	}
	return "it cannot be understood"
}

// following are the commands that may follow what there is of a command line.
func following(app *kong.Application, err error) (commands []string) {
	node := app.Node
	var parse *kong.ParseError
	if errors.As(err, &parse) && parse.Context.Selected() != nil {
		node = parse.Context.Selected()
	}
	_, commands = vocabulary(node)
	return commands
}

// vocabulary is all flags, with their dashes, and all commands.
func vocabulary(node *kong.Node) (flags, commands []string) {
	for _, flag := range node.Flags {
		flags = append(flags, "--"+flag.Name)
	}
	for _, child := range node.Children {
		commands = append(commands, child.Name)
		more, _ := vocabulary(child)
		flags = append(flags, more...)
	}
	return flags, commands
}

// suggestion is what kong's error suggests, where that is one of the known names.
func suggestion(text string, known []string) string {
	_, suggested, _ := strings.Cut(text, ", did you mean ")
	var names []string
	for _, name := range known {
		if strings.Contains(suggested, strconv.Quote(name)) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return ", did you mean " + strings.Join(names, " or ") + "?"
}
