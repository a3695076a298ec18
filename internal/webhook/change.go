package webhook

import (
	"context"
	"errors"
	"fmt"
	"io"

	"smsession/internal/config"
	"smsession/internal/terminal"
	"smsession/internal/twilio/rest"
)

// Order describes the change that Set makes.
type Order struct {
	Number    string // E.164
	Webhook   rest.Webhook
	DryRun    bool // set nothing
	Unchecked bool // do not check that an smsession answers at the URLs
}

// Change is the result of Set.
type Change struct {
	Answering []Answer `json:"answering"` // nil if the URLs were not checked
	DryRun    bool     `json:"dry_run"`
	Changed   bool     `json:"changed"`
	Before    *Status  `json:"before"`
	After     *Status  `json:"after"` // with DryRun, as it would be; nil if it is not known
}

// Set checks that an smsession answers at the URLs of the new webhook. It then sets the webhook of the number, unless
// the number already has it. Set returns the errors of Ask, Show and rest.Account.SetWebhook, and an error if the
// webhook at Twilio then differs from the new one. If there is an error and nothing can have been set, the Change is
// nil.
func Set(ctx context.Context, account *rest.Account, cfg config.REST, o Order) (*Change, error) {
	c := &Change{DryRun: o.DryRun}
	var err error
	if !o.Unchecked {
		if c.Answering, err = Ask(ctx, account.Transport, o.Webhook); err != nil {
			return nil, fmt.Errorf("%w; nothing was set: use --unchecked to set it anyway", err)
		}
	}
	if c.Before, err = Show(ctx, account, cfg, o.Number); err != nil {
		return nil, err
	}
	if !o.DryRun && c.Before.Webhook != o.Webhook {
		updated, err := account.SetWebhook(ctx, c.Before.SID, o.Webhook)
		if err != nil {
			return c, err
		}
		if updated.Webhook != o.Webhook {
			return c, errors.New("the webhook at Twilio differs from the one that was set: see smsession webhook show")
		}
		c.Changed = true
	}
	c.After = c.Before.with(cfg, o.Webhook)
	return c, nil
}

// WriteText writes the change as a table for a person. It returns only the error of w.
func (c *Change) WriteText(w io.Writer) error {
	const fallback = "  fallback"
	var rows [][]string
	for _, a := range c.Answering {
		rows = append(rows, []string{"answering", a.URL.Masked() + ": smsession " + a.Version})
	}
	rows = append(rows, webhookRows("before", fallback, c.Before.Webhook)...)
	switch {
	case c.After == nil:
		return terminal.WriteTable(w, append(c.Before.nameRows(), rows...)...)
	case c.Before.Webhook == c.After.Webhook:
		rows = append(rows, []string{"after", "the same"})
	case c.DryRun:
		rows = append(rows, webhookRows("would be", fallback, c.After.Webhook)...)
	default:
		rows = append(rows, webhookRows("after", fallback, c.After.Webhook)...)
	}
	return c.After.writeTable(w, rows)
}
