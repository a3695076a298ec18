// Package manpage writes the manual page of a program from the model of its command line, so that the page has the
// texts of --help. It uses only macros of man(7), which every implementation of man has.
// See https://man7.org/linux/man-pages/man7/man.7.html.
package manpage

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// status explains the exit statuses that all commands have in common.
const status = `The exit status is 0 on success, 1 if the command failed, and 2 if the command line or a setting is
wrong.`

// Write writes the page. date is the day of its last change, or "" if that is not known. Write returns the error of w.
func Write(w io.Writer, model *kong.Application, version, date string) error {
	var b strings.Builder
	name := model.Name
	summary, _, _ := strings.Cut(model.Help, "\n\n")
	summary = strings.TrimPrefix(strings.TrimSuffix(summary, "."), name+" ")
	fmt.Fprintf(&b, ".TH %s 1 \"%s\" \"%s\" \"User Commands\"\n", strings.ToUpper(name), date, escape(version))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", name, escape(summary))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n.I command\n[flags]\n", name)
	fmt.Fprintf(&b, ".SH DESCRIPTION\n%s.SH COMMANDS\n", prose(model.Help))
	for _, command := range model.Leaves(true) {
		writeCommand(&b, command)
	}
	fmt.Fprintf(&b, ".SH EXIT STATUS\n%s", prose(status))
	_, err := io.WriteString(w, b.String())
	return err
}

// writeCommand writes the section of a command.
func writeCommand(b *strings.Builder, command *kong.Node) {
	fmt.Fprintf(b, ".SS %s\n", escape(command.FullPath()+strings.TrimPrefix(command.Summary(), command.Path())))
	b.WriteString(prose(command.Help + "\n\n" + command.Detail))
	for _, argument := range command.Positional {
		writeTerm(b, argument.Summary(), argument)
	}
	for _, group := range command.AllFlags(true) {
		for _, flag := range group {
			if flag.Name != "help" { // every command has it
				writeTerm(b, flag.String(), flag.Value)
			}
		}
	}
}

// writeTerm writes a flag or an argument with its help.
func writeTerm(b *strings.Builder, term string, value *kong.Value) {
	fmt.Fprintf(b, ".TP\n.B %s\n%s\n", escape(term), escape(kong.DefaultHelpValueFormatter(value)))
}

// prose returns paragraphs. The lines of a paragraph that begin with two spaces are an example and stay as they are.
func prose(text string) string {
	var b strings.Builder
	for i, paragraph := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if i > 0 {
			b.WriteString(".PP\n")
		}
		if strings.HasPrefix(paragraph, "  ") {
			example := strings.ReplaceAll("\n"+paragraph, "\n  ", "\n")[1:]
			fmt.Fprintf(&b, ".RS 4\n.nf\n%s\n.fi\n.RE\n", escape(example))
		} else {
			fmt.Fprintf(&b, "%s\n", escape(paragraph))
		}
	}
	return b.String()
}

// escape returns text that roff prints as it is. A line must not begin with a dot or an apostrophe, which begin a
// request. A dash becomes the dash of the keyboard, so that an example can be copied.
// See https://man7.org/linux/man-pages/man7/groff_char.7.html.
func escape(text string) string {
	var b strings.Builder
	for i, r := range text {
		switch {
		case (r == '.' || r == '\'') && (i == 0 || text[i-1] == '\n'):
			b.WriteString(`\&` + string(r))
		case r == '\\':
			b.WriteString(`\e`)
		case r == '-':
			b.WriteString(`\-`)
		case r > '~':
			fmt.Fprintf(&b, `\[u%04X]`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
