package main

import (
	"github.com/alecthomas/kong"

	"smsession/internal/manpage"
)

// manCommand prints the manual page.
type manCommand struct{}

// Help is shown below the flags' summary.
func (c *manCommand) Help() string {
	return `The page has the help of all commands. make install puts it in place, so that man smsession shows it.

  smsession man | man -l -
  smsession man >smsession.1

The exit status is 1 if the page cannot be printed, and 2 for a wrong command line.`
}

// Run prints the page.
func (c *manCommand) Run(command *kong.Context, p *process) error {
	return manpage.Write(p.stdout, command.Model, "smsession "+version())
}
