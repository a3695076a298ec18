package main

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"smsession/internal/config"
	"smsession/internal/replica"
	"smsession/internal/terminal"
	"smsession/internal/webhook"
)

// redisTimeout is how long Redis may take to answer.
const redisTimeout = 3 * time.Second

// configCommand checks the settings of the service and prints them.
type configCommand struct {
	config.Flags
	JSON bool `name:"json" help:"Print JSON: one object with the name and the text of each setting."`
}

// Help is shown below the flags' summary.
func (c *configCommand) Help() string {
	return `Below the settings, config prints the two URLs to give to Twilio. smsession webhook set sets the same two.

The warnings that serve gives at its start go to stderr: about settings that are probably wrong, about the limit of open
files, and about settings of Redis that can lose sessions. config asks Redis for up to 3 s. Warnings do not change the
exit status, and neither does a Redis that does not answer.

  smsession config --public-url https://sms.example.com
  smsession config --json | jq -r .REDIS_URL

The exit status is 1 if the settings cannot be printed, and 2 for a wrong command line or setting.`
}

// Run prints each setting and the URLs to give to Twilio on standard output, and the warnings of serve on standard
// error. A wrong setting is an error, as it is for serve.
func (c *configCommand) Run(ctx context.Context, p *process) error {
	cfg, err := c.Config()
	if err != nil {
		return err
	}
	c.warn(ctx, p, cfg)
	object, rows := map[string]string{}, [][]string{}
	for _, s := range cfg.Settings() {
		object[s.Name] = s.Value
		rows = append(rows, []string{s.Name, s.Value})
	}
	if c.JSON {
		return terminal.WriteJSON(p.stdout, object)
	}
	return cmp.Or(terminal.WriteTable(p.stdout, rows...), c.writeURLs(p, cfg))
}

// warn prints the warnings.
func (c *configCommand) warn(ctx context.Context, p *process, cfg config.Config) {
	ctx, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	for _, warning := range replica.Warnings(ctx, cfg) {
		fmt.Fprintf(p.stderr, "smsession: warning: %s\n", terminal.Escape(warning))
	}
}

// writeURLs prints the URLs to give to Twilio, with the labels of its console.
func (c *configCommand) writeURLs(p *process, cfg config.Config) error {
	urls := config.REST{WebhookURL: cfg.WebhookURL, FallbackURL: cfg.FallbackURL}
	target, err := webhook.Target(urls, "", c.FallbackURL, true)
	if err != nil {
		fmt.Fprintf(p.stderr, "smsession: warning: smsession webhook set would refuse the URLs: %v\n", err)
		return nil
	}
	fmt.Fprintln(p.stdout, "\nAt Twilio, the number needs these URLs (smsession webhook set sets them):")
	return terminal.WriteTable(p.stdout, []string{"A message comes in", target.Method + " " + target.URL.Masked()},
		[]string{"Primary handler fails", target.FallbackMethod + " " + target.FallbackURL.Masked()})
}
