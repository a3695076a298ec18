package webhook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"smsession/internal/config"
	"smsession/internal/healthcheck"
	"smsession/internal/terminal"
	"smsession/internal/twilio/rest"
)

// answerTimeout is how long a service may take to answer at /healthz. Twilio waits as long for a connection.
const answerTimeout = 5 * time.Second

// Change is what Set did, and what answers at the URLs that it set.
type Change struct {
	Answering []Answer `json:"answering"` // nil if the URLs were not asked
	DryRun    bool     `json:"dry_run"`
	Changed   bool     `json:"changed"`
	Before    *Status  `json:"before"`
	After     *Status  `json:"after"` // with DryRun, what would be; nil if it is not known
}

// Answer is the answer of an smsession at /healthz.
type Answer struct {
	URL     string `json:"url"`
	Version string `json:"version"`
}

// Ask asks for an smsession at both URLs of a webhook. It is an error if one of them does not answer. A nil transport means
// http.DefaultTransport.
func Ask(ctx context.Context, transport http.RoundTripper, w rest.Webhook) (answers []Answer, err error) {
	for _, url := range slices.Compact([]string{healthURL(w.URL), healthURL(w.FallbackURL)}) {
		version, err := ask(ctx, cmp.Or(transport, http.DefaultTransport), url)
		if err != nil {
			return nil, fmt.Errorf("%s %w", mask(url), err)
		}
		answers = append(answers, Answer{URL: mask(url), Version: version})
	}
	return answers, nil
}

// ask returns the version of the smsession at a URL. An error continues a sentence that begins with the URL.
func ask(ctx context.Context, transport http.RoundTripper, url string) (string, error) {
	bounded, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	answer, err := healthcheck.Ask(bounded, transport, url)
	version, isOurs := answer.Version()
	switch {
	case err != nil && bounded.Err() != nil && ctx.Err() == nil:
		return "", fmt.Errorf("does not answer within %v", answerTimeout)
	case err != nil:
		return "", fmt.Errorf("cannot be reached: %w", err)
	case answer.Status/100 == 3:
		return "", fmt.Errorf("answers with a redirect (%d), and Twilio would lose the message", answer.Status)
	case answer.Status != http.StatusOK:
		return "", fmt.Errorf("answers with status %d, so it is not smsession", answer.Status)
	case !isOurs || version != terminal.Escape(version):
		return "", errors.New("answers, but it is not smsession")
	}
	return version, nil
}

// Set changes the webhook of the number from before to target, unless it is a dry run or they are the same. The Change is
// valid if there is an error, too.
func Set(ctx context.Context, account *rest.Account, cfg config.REST, before *Status, target rest.Webhook, dryRun bool) (Change, error) {
	c := Change{DryRun: dryRun, Before: before}
	if !dryRun && before.webhook != target {
		updated, err := account.SetWebhook(ctx, before.SID, target)
		if err != nil {
			return c, err
		}
		if updated.Webhook != target {
			return c, errors.New("the webhook at Twilio is now another one than the one that was set: see smsession webhook show")
		}
		c.Changed = true
	}
	c.After = before.with(cfg, target)
	return c, nil
}

// WriteText writes the change as a table.
func (c *Change) WriteText(w io.Writer) error {
	rows := c.Before.nameRows()
	for _, a := range c.Answering {
		rows = append(rows, []string{"answering", a.URL + ": smsession " + a.Version})
	}
	rows = append(rows, webhookRows("before", "  fallback", c.Before.Webhook)...)
	if c.After == nil {
		return terminal.WriteTable(w, rows...)
	}
	switch after := c.After.Webhook; {
	case c.Before.Webhook == after:
		rows = append(rows, []string{"after", "the same"})
	case c.DryRun:
		rows = append(rows, webhookRows("would be", "  fallback", after)...)
	default:
		rows = append(rows, webhookRows("after", "  fallback", after)...)
	}
	return terminal.WriteTable(w, append(rows, c.After.overrideRows()...)...)
}
