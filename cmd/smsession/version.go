package main

import (
	"fmt"
	"runtime/debug"
)

// stamped is set by the linker: -X main.stamped=v1.2.3.
var stamped string

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
type versionCommand struct{}

// Help is shown below the flags' summary.
func (versionCommand) Help() string {
	return "The exit status is 1 if the version cannot be printed, and 2 for a wrong command line."
}

// Run prints one line.
func (versionCommand) Run(p *process) error {
	_, err := fmt.Fprintln(p.stdout, "smsession", version())
	return err
}
