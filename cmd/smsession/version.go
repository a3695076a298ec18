package main

import (
	"fmt"
	"runtime/debug"

	"smsession/internal/terminal"
)

// stamped is set by the linker: -X main.stamped=v1.2.3.
var stamped string

// stampedDate is the day of the commit, set by the linker: -X main.stampedDate=2026-11-28. It is not the day of the
// build, so that two builds of a commit are the same.
var stampedDate string

// version returns the stamped version, or the version that the Go toolchain recorded, or (devel).
func version() string {
	if stamped != "" {
		return stamped
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// versionCommand prints the version.
type versionCommand struct {
	JSON bool `name:"json" help:"Print JSON: one object with the version."`
}

// Help is shown below the flags' summary.
func (c *versionCommand) Help() string {
	return `The version is the one that the build has stamped, or else the one that the Go toolchain has recorded.

  smsession version
  smsession version --json | jq -r .version

The exit status is 1 if the version cannot be printed, and 2 for a wrong command line.`
}

// Run prints one line.
func (c *versionCommand) Run(p *process) error {
	if c.JSON {
		return terminal.WriteJSON(p.stdout, map[string]string{"version": version()})
	}
	_, err := fmt.Fprintln(p.stdout, "smsession", version())
	return err
}
