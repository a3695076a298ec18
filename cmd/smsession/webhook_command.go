package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"smsession/internal/config"
	"smsession/internal/terminal"
	"smsession/internal/twilio/rest"
)

// webhookCommand looks after the webhook of a Twilio number.
type webhookCommand struct {
	Show webhookShowCommand `cmd:"" help:"Show where Twilio posts the messages to a number, and whether that is this service."`
	Set  webhookSetCommand  `cmd:"" help:"Have Twilio post the messages to a number to this service."`
}

// numberFlags name the number, and the account that has it.
type numberFlags struct {
	config.RESTFlags
	JSON   bool   `name:"json" help:"Print one JSON object."`
	Number string `arg:"" name:"number" help:"The number, in E.164: +15005550006."`
}

// account checks the settings and the number.
func (f numberFlags) account(p *process) (*rest.Account, config.REST, error) {
	cfg, err := f.Config()
	if err != nil {
		return nil, cfg, err
	}
	if !isE164(f.Number) {
		return nil, cfg, commandFault("the number is not in E.164, which is + and 2 to 15 digits, such as +15005550006; short codes and WhatsApp have no number resource")
	}
	account := &rest.Account{
		SID: cfg.AccountSID, AuthToken: cfg.AuthToken, Region: cfg.Region, Edge: cfg.Edge, Transport: p.transport,
	}
	return account, cfg, nil
}

// isE164 follows ITU-T E.164: 15 digits at most, and no country code begins with 0.
func isE164(number string) bool {
	digits, plus := strings.CutPrefix(number, "+")
	foreign := func(r rune) bool { return r < '0' || r > '9' }
	return plus && len(digits) >= 2 && len(digits) <= 15 && digits[0] != '0' && !strings.ContainsFunc(digits, foreign)
}

const whichAccount = `Of several accounts in TWILIO_ACCOUNT_SID the first is used, and of its auth tokens the first; --twilio-account-sid chooses another account.`

// webhookShowCommand shows a number's webhook.
type webhookShowCommand struct {
	numberFlags
}

// Help is shown below the flags' summary.
func (webhookShowCommand) Help() string {
	return `Nothing is changed. The webhook is this service's if it is WEBHOOK_URL, or PUBLIC_URL with /sms.
` + whichAccount
}

// Run prints the number as Twilio has it.
func (c *webhookShowCommand) Run(p *process) error {
	account, cfg, err := c.account(p)
	if err != nil {
		return err
	}
	state, err := look(p.ctx, account, c.Number)
	if err != nil {
		return err
	}
	view := state.view(cfg)
	if c.JSON {
		return writeObject(p.stdout, view)
	}
	return view.print(p.stdout)
}

// webhookSetCommand sets a number's webhook.
type webhookSetCommand struct {
	numberFlags
	URL       string `name:"url" placeholder:"URL" help:"The webhook's URL, which ends in /sms or is WEBHOOK_URL; a connection override may follow: #rc=2 (default: WEBHOOK_URL, or PUBLIC_URL with /sms)."`
	DryRun    bool   `name:"dry-run" help:"Show what would be set, and set nothing."`
	AllowHTTP bool   `name:"allow-http" help:"Take URLs that are not https, although anyone on the way can then read and copy messages."`
	Unchecked bool   `name:"unchecked" help:"Do not ask the URLs first whether smsession answers there."`
}

// Help is shown below the flags' summary.
func (webhookSetCommand) Help() string {
	return `First /healthz beside each URL is asked whether smsession answers there, without following redirects. Both are set to POST. What was set before is shown, to be set again.
The fallback URL is FALLBACK_URL (--fallback-url), else --url with /fallback, else PUBLIC_URL with /sms/fallback.
` + whichAccount + `

  smsession webhook set +15005550006 --dry-run
  smsession webhook set +15005550006 --url 'https://sms.example.com/sms#rc=2&rp=all'`
}

// Run sets the webhook and prints it as it was and as it is.
func (c *webhookSetCommand) Run(p *process) error {
	account, cfg, err := c.account(p)
	if err != nil {
		return err
	}
	target, err := c.target(cfg)
	if err != nil {
		return err
	}
	change := webhookChange{DryRun: c.DryRun}
	if !c.Unchecked {
		if change.Answering, err = askHealth(p.ctx, p.transport, target); err != nil {
			return fmt.Errorf("%w; nothing was set; --unchecked sets it all the same", err)
		}
	}
	state, err := look(p.ctx, account, c.Number)
	if err != nil {
		return err
	}
	before := state.number.Webhook
	change.Before = state.view(cfg)
	failure := c.apply(p.ctx, account, &state, target)
	change.After = state.view(cfg)
	change.Changed = failure == nil && !c.DryRun && state.number.Webhook != before
	if failure != nil {
		change.After = nil // what is there now is not known
	}
	if err := c.print(p, change); err != nil {
		return err
	}
	return failure
}

// apply makes target the webhook of state, at Twilio too unless nothing is to be set.
func (c *webhookSetCommand) apply(ctx context.Context, account *rest.Account, state *numberState, target rest.Webhook) error {
	if !c.DryRun && state.number.Webhook != target {
		number, err := account.SetWebhook(ctx, state.number.SID, target)
		if err != nil {
			return err
		}
		if number.Webhook != target {
			return errors.New("the number has another webhook now than the one that was set: see smsession webhook show")
		}
	}
	state.number.Webhook = target
	return nil
}

// print shows the change, and what stands in the way of its effect.
func (c *webhookSetCommand) print(p *process, change webhookChange) error {
	if after := change.After; after != nil && after.Ours != nil && after.Note != "" && !c.JSON {
		fmt.Fprintf(p.stderr, "smsession: warning: %s\n", terminal.Escape(after.Note))
	}
	if c.JSON {
		return writeObject(p.stdout, change)
	}
	return change.print(p.stdout)
}
