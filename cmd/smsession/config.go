package main

import (
	"fmt"

	"smsession/internal/config"
	"smsession/internal/terminal"
)

// configCommand checks the settings of the service and prints them.
type configCommand struct {
	config.Flags
	JSON bool `name:"json" help:"Print JSON: one object with the name and the text of each setting."`
}

// Help is shown below the flags' summary.
func (c *configCommand) Help() string {
	return `Warnings about settings that are probably wrong go to stderr. They do not change the exit status.

  smsession config --public-url https://sms.example.com
  smsession config --json | jq -r .REDIS_URL

The exit status is 1 if the settings cannot be printed, and 2 for a wrong command line or setting.`
}

// Run prints each setting on standard output, and a warning for each setting that is probably wrong on standard error.
// A wrong setting is an error, as it is for serve.
func (c *configCommand) Run(p *process) error {
	cfg, err := c.Config()
	if err != nil {
		return err
	}
	for _, warning := range cfg.Warnings() {
		fmt.Fprintf(p.stderr, "smsession: warning: %s\n", warning)
	}
	object, rows := map[string]string{}, [][]string{}
	for _, s := range cfg.Settings() {
		object[s.Name] = s.Value
		rows = append(rows, []string{s.Name, s.Value})
	}
	if c.JSON {
		return terminal.WriteJSON(p.stdout, object)
	}
	return terminal.WriteTable(p.stdout, rows...)
}
