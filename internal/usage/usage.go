// Package usage explains what is wrong with a command line. Its sentences name only commands and flags. kong's own
// messages quote the arguments, and an argument may be a password in the wrong place.
package usage

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// Fault describes what is wrong with a command line, as a sentence without its full stop. It contains no secret. A
// command returns a Fault for flags that it cannot use, and a type of a flag returns one for a value that it cannot
// decode.
type Fault string

// Error returns the sentence.
func (f Fault) Error() string { return string(f) }

// Missing is the name of an argument that a command needs, as the help writes it. The Validate method of a command
// returns it if the argument is only sometimes needed. Explain makes it a sentence.
type Missing string

// Error returns a sentence without an example.
func (m Missing) Error() string { return strings.ToUpper(string(m)) + " is missing" }

// sentence names the command and gives the first example of its help.
func (m Missing) sentence(node *kong.Node) Fault {
	full := node.FullPath()
	_, name, _ := strings.Cut(full, " ")
	for line := range strings.Lines(node.Detail) {
		if example := strings.TrimSpace(line); strings.HasPrefix(example, full+" ") {
			return Fault(fmt.Sprintf("%s: %v; for example: %s", name, m, example))
		}
	}
	return Fault(fmt.Sprintf("%s: %v; see %s --help", name, m, full))
}

// negative matches an argument that begins as a negative number does. No flag has a digit as its short name.
var negative = regexp.MustCompile(`^-[0-9]`)

// JoinNegatives returns the arguments with each flag and a negative number behind it as one: --limit=-1. kong would
// take the number for a flag, so the command could not explain which numbers it accepts. Arguments after -- do not
// change.
func JoinNegatives(args []string) []string {
	var joined []string
	before := ""
	for i, arg := range args {
		isFlag := strings.HasPrefix(before, "--") && !strings.Contains(before, "=")
		switch {
		case arg == "--":
			return append(joined, args[i:]...)
		case isFlag && negative.MatchString(arg):
			joined[len(joined)-1] += "=" + arg
		default:
			joined = append(joined, arg)
		}
		before = arg
	}
	return joined
}

// Explain returns the Fault of a command line that kong did not accept. The Fault ends with the command that shows the
// help, or with an example if an argument is missing. Explain returns an *fs.PathError unchanged: it means that the
// help could not be written to standard output.
func Explain(err error) error {
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return err
	}
	parse, ok := errors.AsType[*kong.ParseError](err)
	if !ok {
		return Fault("the command line is wrong: it cannot be understood; see smsession --help")
	}
	node := cmp.Or(parse.Context.Selected(), parse.Context.Model.Node)
	if missing, ok := errors.AsType[Missing](cmp.Or(missingArgument(parse.Context, node), err)); ok {
		return missing.sentence(node)
	}
	fault, ok := errors.AsType[Fault](err)
	if !ok {
		fault = Fault(syntaxFault(parse.Context, node))
	}
	return Fault(fmt.Sprintf("the command line is wrong: %s; see %s --help", fault, node.FullPath()))
}

// syntaxFault explains what is wrong with the arguments of a command. It examines the arguments that kong has not
// parsed.
func syntaxFault(c *kong.Context, node *kong.Node) string {
	var commands []string
	for _, child := range node.Children {
		if !child.Hidden {
			commands = append(commands, child.Name)
		}
	}
	rest := c.Path[len(c.Path)-1].Remainder()
	switch {
	case len(rest) > 0 && strings.HasPrefix(rest[0], "-") && strings.Trim(rest[0], "-") != "":
		return flagFault(c, rest)
	case len(rest) > 0 && len(commands) > 0 && rest[0] == "help":
		return "help is a flag: write --help after the command"
	case len(rest) > 0 && len(commands) > 0:
		return "an argument is neither a flag nor a command" + cmp.Or(suggestion(rest[0], commands),
			": the commands are "+strings.Join(commands, ", "))
	case len(rest) > 0 && strings.Contains(rest[0], "://") && hasAppFlag(node):
		return "an argument is neither a flag nor a command; did you mean --app-url?"
	case len(rest) > 0:
		return "an argument is neither a flag nor a command"
	}
	for _, p := range c.Path {
		if f := p.Flag; f != nil && isOutside(f.Value) {
			return "--" + f.Name + enumFault(f.Value)
		}
		if a := p.Positional; a != nil && isOutside(a) {
			return strings.ToUpper(a.Name) + enumFault(a)
		}
	}
	return "a command is missing: one of " + strings.Join(commands, ", ")
}

// isOutside reports whether a flag or an argument has a value that is not one of its enum.
func isOutside(v *kong.Value) bool {
	return v.Enum != "" && !slices.Contains(v.EnumSlice(), fmt.Sprint(v.Target))
}

// enumFault lists the values of an enum.
func enumFault(v *kong.Value) string {
	return " must be one of " + strings.Trim(strings.Join(v.EnumSlice(), ", "), ", ")
}

// missingArgument returns a Missing if a command lacks an argument and everything else could be parsed.
func missingArgument(c *kong.Context, node *kong.Node) error {
	if len(c.Path[len(c.Path)-1].Remainder()) > 0 {
		return nil
	}
	for _, argument := range node.Positional {
		if argument.Required && !argument.Set {
			return Missing(argument.Name)
		}
	}
	return nil
}

// hasAppFlag reports whether a command has the flag --app-url.
func hasAppFlag(node *kong.Node) bool {
	return slices.ContainsFunc(node.Flags, func(f *kong.Flag) bool { return f.Name == "app-url" })
}

// flagFault explains what is wrong with the flag rest[0].
func flagFault(c *kong.Context, rest []string) string {
	name, _, hasValue := strings.Cut(rest[0], "=")
	isNamed := func(f *kong.Flag) bool { return name == "--"+f.Name || f.Short != 0 && name == "-"+string(f.Short) }
	flags := c.Flags()
	i := slices.IndexFunc(flags, isNamed)
	if i < 0 {
		for _, command := range c.Model.Leaves(false) {
			if slices.ContainsFunc(command.Flags, isNamed) {
				return name + " is not a flag of this command, or it is before the command"
			}
		}
		var names []string
		for _, f := range flags {
			names = append(names, "--"+f.Name)
		}
		return "a flag is unknown" + suggestion(name, names)
	}
	hasValue = hasValue || len(rest) > 1 && !strings.HasPrefix(rest[1], "-")
	switch {
	case flags[i].IsBool():
		return name + " takes no value"
	case !hasValue:
		return fmt.Sprintf("%s needs a value; write %s=VALUE if the value begins with a dash", name, name)
	}
	switch flags[i].Target.Interface().(type) {
	case time.Duration, *time.Duration:
		return name + " must be a duration such as 30s or 5m"
	case float64:
		return name + " must be a number"
	case *url.URL:
		return name + " must be a URL"
	}
	return name + " must be a whole number"
}

// suggestion returns the names that a misspelt name may mean, as the end of a sentence, or "" if there are none. Half
// of the letters of a short name must be right.
func suggestion(typed string, names []string) string {
	var similar []string
	for _, name := range names {
		if isNear(typed, name, min(2, len(name)/2)) {
			similar = append(similar, name)
		}
	}
	if len(similar) == 0 {
		return ""
	}
	return ", did you mean " + strings.Join(similar, " or ") + "?"
}

// isNear reports whether b can be made from a with at most this number of edits. An edit inserts, deletes or replaces
// one byte.
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
