package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"

	"smsession/internal/completion"
	"smsession/internal/manpage"
)

// completionCommand prints the script that makes a shell complete the command line.
type completionCommand struct {
	Shell string `arg:"" name:"shell" enum:"bash,zsh,fish" help:"The shell: bash, zsh or fish."`
}

// Help is shown below the flags' summary.
func (c *completionCommand) Help() string {
	return `make install puts the scripts in place. Without it, load the script in the file that your shell reads at its start:

  source <(smsession completion bash)    # ~/.bashrc
  source <(smsession completion zsh)     # ~/.zshrc, after compinit
  smsession completion fish | source     # ~/.config/fish/config.fish

The exit status is 1 if the script cannot be printed, and 2 for a wrong command line.`
}

// Run prints the script.
func (c *completionCommand) Run(p *process) error {
	script, err := completion.Script(c.Shell)
	if err != nil {
		return err
	}
	_, err = io.WriteString(p.stdout, script)
	return err
}

// completeCommand prints what may come next on a command line. The scripts of completion call it. The help does not
// show it.
type completeCommand struct {
	Words []string `arg:"" optional:"" name:"words" help:"The words of the command line up to the cursor; the last one may be empty."`
}

// Help is shown below the flags' summary.
func (c *completeCommand) Help() string {
	return `complete prints a line for each word that may come next: the word, and a tab and its help if there is one.

  smsession complete -- ls --so

The exit status is 1 if they cannot be printed, and 2 for a wrong command line.`
}

// Run prints the candidates.
func (c *completeCommand) Run(command *kong.Context, p *process) error {
	for _, each := range completion.Candidates(command.Model, c.Words) {
		line := strings.TrimRight(each.Word+"\t"+each.Help, "\t")
		if _, err := fmt.Fprintln(p.stdout, line); err != nil {
			return err
		}
	}
	return nil
}

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
	return manpage.Write(p.stdout, command.Model, "smsession "+version(), stampedDate)
}
