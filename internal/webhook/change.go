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

// Order is what Set does.
type Order struct {
	Number    string // E.164
	Webhook   rest.Webhook
	DryRun    bool // set nothing
	Unchecked bool // do not ask at the URLs for an smsession
}

// Change is what Set did, and what answers at the URLs that it set.
type Change struct {
	Answering []Answer `json:"answering"` // nil if the URLs were not asked
	DryRun    bool     `json:"dry_run"`
	Changed   bool     `json:"changed"`
	Before    *Status  `json:"before"`
	After     *Status  `json:"after"` // with DryRun, what would be; nil if it is not known
}

// Set asks at the URLs of the new webhook for an smsession, and then sets the webhook of the number, unless it is the
// same already. The errors are those of Ask, Show and rest.Account.SetWebhook. It is also an error if the webhook at
// Twilio then differs from the new one. With an error, the Change is nil if nothing can have been set.
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

// WriteText writes the change as a table. The error is that of w.
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
