package manpage_test

import (
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"smsession/internal/manpage"
)

type command struct {
	Level string `name:"level" short:"l" env:"LEVEL" placeholder:"N" help:".5 or \\more."`
	File  string `arg:"" help:"A file."`
}

func (command) Help() string {
	return "First.\n'Quoted' line.\n\n  program run a --level=1\n  .hidden file\n\nLast."
}

// TestWrite compares a page with the requests of man(7) and the escapes of groff_char(7).
func TestWrite(t *testing.T) {
	var line struct {
		Run    command  `cmd:"" help:"Run • it."`
		Hidden struct{} `cmd:"" hidden:""`
	}
	parser := kong.Must(&line, kong.Name("program"), kong.Description("program does a thing.\n\nMore."))
	var out strings.Builder
	if err := manpage.Write(&out, parser.Model, "program v1-x", "2026-11-28"); err != nil {
		t.Fatal(err)
	}
	want := `.TH PROGRAM 1 "2026-11-28" "program v1\-x" "User Commands"
.SH NAME
program \- does a thing
.SH SYNOPSIS
.B program
.I command
[flags]
.SH DESCRIPTION
program does a thing.
.PP
More.
.SH COMMANDS
.SS program run <file> [flags]
Run \[u2022] it.
.PP
First.
\&'Quoted' line.
.PP
.RS 4
.nf
program run a \-\-level=1
\&.hidden file
.fi
.RE
.PP
Last.
.TP
.B <file>
A file.
.TP
.B \-l, \-\-level=N
\&.5 or \emore ($LEVEL).
.SH EXIT STATUS
The exit status is 0 on success, 1 if the command failed, and 2 if the command line or a setting is
wrong.
`
	if out.String() != want {
		t.Errorf("got\n%s", out.String())
	}
}
