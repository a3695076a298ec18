package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"smsession/internal/appcheck"
	"smsession/internal/config"
	"smsession/internal/load"
	"smsession/internal/phone"
	"smsession/internal/terminal"
	"smsession/internal/twilio"
	"smsession/internal/usage"
)

// appCheckCommand sends messages to an app through the whole service.
type appCheckCommand struct {
	config.CheckFlags
	Text    []string `name:"text" sep:"none" placeholder:"TEXT" help:"What the senders write, such as words that change something in the app. It may be repeated (default: a greeting, a question and thanks)."`
	OwnHost bool     `name:"i-own-this-host" help:"Allow messages to an app on another host. Use it only for a host that is yours."`
	JSON    bool     `name:"json" help:"Print one JSON object for each scenario, and one for the summary."`
}

// Help is shown below the flags' summary.
func (c *appCheckCommand) Help() string {
	return `app-check runs two replicas and a Redis in this process, puts them before the app, and sends what any app must survive:
first and second messages, resends, two messages at once, pictures, WhatsApp, emoji, 1,600 characters, STOP, lost and
foreign cookies, a slow network, and a second call after a crash. For each, it shows what the app did and what a sender
would have seen. It needs no account and sends no text messages:

  smsession app-check http://localhost:3000/sms
  smsession app-check http://localhost:3000/sms --text 'order 2 pizza' --text status
  smsession app-check http://localhost:3000/sms --public-url https://sms.example.com/sms
  smsession app-check http://localhost:3000/messages --protocol json --secret-file secret.txt
  smsession app-check http://localhost:3000/sms --json | jq -e 'select(.summary).summary.ok'

For an app that checks signatures, set TWILIO_AUTH_TOKEN to the token that it knows, and --public-url to the URL that it
expects in the signature. The senders are new numbers each time, from a range that is not assigned. An app that stores
its senders stores them, too.

The exit status is 1 if something would go wrong in production, and if the app cannot be reached. Warnings do not change
it, and neither does an app that is not safe to call again. It is 2 for a wrong command line or setting, and for a host
that is not this one.`
}

// Validate requires the URL, which may come from the environment.
func (c *appCheckCommand) Validate() error {
	if strings.TrimSpace(c.URL) == "" {
		return usage.Missing("URL")
	}
	for _, text := range c.Text {
		if (twilio.Message{Body: text}).Keyword(twilio.OptOutDefault) != "" {
			return usage.Fault(fmt.Sprintf("--text: %q is a word of Twilio's; app-check sends STOP by itself", text))
		}
	}
	return nil
}

// Run carries out the scenarios and shows their results.
func (c *appCheckCommand) Run(ctx context.Context, p *process) error {
	cfg, err := c.Config()
	if err != nil {
		return err
	}
	if !c.OwnHost {
		if err := load.Loopback(ctx, phone.Endpoint{URL: cfg.App.URL.Configured()}); err != nil {
			return usage.Fault(err.Error())
		}
	}
	o := appcheck.Options{App: cfg.App, Version: version(), Texts: c.Text}
	if len(cfg.AuthTokens) > 0 {
		o.Token = cfg.AuthTokens[0]
	}
	if len(cfg.AccountSIDs) > 0 {
		o.Token.Account = cfg.AccountSIDs[0]
		o.Token.Value = cfg.AuthTokens.For(o.Token.Account)
	}
	if c.JSON {
		return appcheck.Run(ctx, o, appcheck.JSON{Out: p.stdout})
	}
	colour := terminal.Is(p.stdout) && os.Getenv("NO_COLOR") == "" // see https://no-color.org
	return appcheck.Run(ctx, o, appcheck.Text{Out: p.stdout, Colour: colour})
}
