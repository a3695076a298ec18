package main

import (
	"fmt"
	"text/tabwriter"

	"smsession/internal/config"
)

// configCommand checks the settings of the service and prints them.
type configCommand struct {
	config.Flags
}

// Run prints a line for each setting on standard output, and a warning for each value that is probably wrong on
// standard error. A faulty setting is an error, as it is for serve.
func (c *configCommand) Run(p *process) error {
	cfg, err := c.Config()
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	for _, s := range cfg.Settings() {
		fmt.Fprintf(w, "%s\t%s\n", s.Name, s.Value)
	}
	for _, warning := range cfg.Warnings() {
		fmt.Fprintf(p.stderr, "smsession: warning: %s\n", warning)
	}
	return w.Flush()
}
