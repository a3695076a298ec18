package main

import (
	"cmp"
	"context"
	"fmt"

	"smsession/internal/config"
	"smsession/internal/terminal"
	"smsession/internal/twilio/rest"
	"smsession/internal/usage"
	"smsession/internal/webhook"
)

// webhookCommand shows or sets the webhook of a Twilio number.
type webhookCommand struct {
	Show webhookShowCommand `cmd:"" help:"Show where Twilio posts the messages to a number, and whether that is this service."`
	Set  webhookSetCommand  `cmd:"" help:"Set the webhook of a number to this service."`
}

// numberFlags name a number and its account.
type numberFlags struct {
	config.RESTFlags
	JSON   bool          `name:"json" help:"Print one JSON object."`
	Number usage.Address `arg:"" name:"number" help:"The number, such as +15005550006."`
}

// account checks the number and the settings, and returns the account that the settings name.
func (f numberFlags) account(p *process) (*rest.Account, config.REST, error) {
	if err := webhook.CheckNumber(f.Number.Number); err != nil {
		return nil, config.REST{}, usage.Fault(err.Error())
	}
	cfg, err := f.Config()
	return &rest.Account{
		SID: cfg.AccountSID, AuthToken: cfg.AuthToken, Region: cfg.Region, Edge: cfg.Edge, Transport: p.transport,
	}, cfg, err
}

// webhookShowCommand shows the webhook of a number.
type webhookShowCommand struct {
	numberFlags
}

// Help is shown below the flags' summary.
func (webhookShowCommand) Help() string {
	return `show changes nothing. The webhook is this service's if its URL is WEBHOOK_URL, or PUBLIC_URL with /sms.

  smsession webhook show +15005550006
  smsession webhook show --json +15005550006 | jq -e .ours

The exit status is 1 if Twilio does not answer as it should, and 2 for a wrong command line or setting.`
}

// Run prints the number as it is at Twilio.
func (c *webhookShowCommand) Run(ctx context.Context, p *process) error {
	account, cfg, err := c.account(p)
	if err != nil {
		return err
	}
	status, err := webhook.Show(ctx, account, cfg, c.Number.Number)
	switch {
	case err != nil:
		return err
	case c.JSON:
		return terminal.WriteJSON(p.stdout, status)
	}
	return status.WriteText(p.stdout)
}

// webhookSetCommand sets the webhook of a number.
type webhookSetCommand struct {
	numberFlags
	URL       string `name:"url" placeholder:"URL" help:"The webhook's URL, which ends in /sms or is WEBHOOK_URL; a connection override may follow: #rc=2 (default: WEBHOOK_URL, or PUBLIC_URL with /sms)."`
	DryRun    bool   `name:"dry-run" help:"Show what would be set, and set nothing."`
	AllowHTTP bool   `name:"allow-http" help:"Allow URLs that are not https. Others can then read and copy the messages on their way."`
	Unchecked bool   `name:"unchecked" help:"Do not check first that smsession answers at the URLs."`
}

// Help is shown below the flags' summary.
func (webhookSetCommand) Help() string {
	return `set first checks that smsession answers at /healthz next to each URL. It follows no redirect.
Then it sets both URLs, with the method POST. It prints what was set before, so that you can set it again.

The fallback URL is FALLBACK_URL (--fallback-url), else --url with /fallback, else PUBLIC_URL with /sms/fallback.

  smsession webhook set +15005550006 --dry-run
  smsession webhook set +15005550006 --url 'https://sms.example.com/sms#rc=2&rp=all'

The exit status is 1 if Twilio or the service does not answer as it should, and 2 for a wrong command line or setting.`
}

// Run sets the webhook, and prints it as it was before and as it is after.
func (c *webhookSetCommand) Run(ctx context.Context, p *process) error {
	account, cfg, err := c.account(p)
	if err != nil {
		return err
	}
	target, err := webhook.Target(cfg, c.URL, c.FallbackURL, c.AllowHTTP)
	if err != nil {
		return usage.Fault(err.Error())
	}
	change, err := webhook.Set(ctx, account, cfg, webhook.Order{
		Number: c.Number.Number, Webhook: target, DryRun: c.DryRun, Unchecked: c.Unchecked,
	})
	switch {
	case change == nil:
		return err
	case c.JSON:
		return cmp.Or(err, terminal.WriteJSON(p.stdout, change)) // a closed pipe must not hide err
	}
	if after := change.After; after != nil && after.Ours != nil && after.Note != "" {
		fmt.Fprintf(p.stderr, "smsession: warning: %s\n", terminal.Escape(after.Note))
	}
	return cmp.Or(err, change.WriteText(p.stdout))
}
