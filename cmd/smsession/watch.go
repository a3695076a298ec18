package main

import (
	"context"
	"fmt"
	"time"

	"smsession/internal/duration"
	"smsession/internal/inspect"
	"smsession/internal/inspect/flags"
	"smsession/internal/terminal"
	"smsession/internal/usage"
)

// watchCommand shows what happens to conversations.
type watchCommand struct {
	flags.List
	Every time.Duration `name:"every" default:"2s" placeholder:"DURATION" help:"How long to wait before each poll (default 2s)."`
	Limit int           `name:"limit" default:"10000" placeholder:"N" help:"How many conversations to remember, those with the latest messages (default 10000)."`
}

// Help is shown below the flags' summary.
func (c *watchCommand) Help() string {
	return `In a terminal, watch shows a table with the latest messages first, and the latest events below it; Ctrl-C
ends it. Into a pipe, or with --json, it prints one line for each event: began, continued, ended (by STOP, your own app
or an operator) or gone (expired or erased). A line ends in app if your own app has stored something. Each poll reads all
keys with SCAN. For conversations beyond --limit, watch shows new messages. It does not show when they are gone.

watch needs REDIS_URL and no Twilio secret. Without REDIS_URL, it uses a running smsession dev. If Redis goes away,
watch waits for it. If Redis cannot be read at the start, the exit status is 1. It is 2 for a wrong command line or
setting.

  smsession watch
  smsession watch --to +15005550006
  smsession watch --json | jq -c 'select(.event == "began")'`
}

// Validate checks the bounds of the numbers. Without a minimum for --every, a typing error could make watch read Redis
// without a pause.
func (c *watchCommand) Validate() error {
	switch {
	case c.Every < 100*time.Millisecond:
		return usage.Fault("--every must be at least 100ms")
	case c.Limit < 1 || c.Limit > sortedLimit:
		return usage.Fault(fmt.Sprintf("--limit must be a whole number from 1 to %d", sortedLimit))
	}
	return nil
}

// Run polls until it is interrupted, which is its normal end.
func (c *watchCommand) Run(ctx context.Context, p *process) error {
	source, printer, err := c.Open(ctx, p.stdout, p.stderr)
	if err != nil {
		return err
	}
	defer source.Pool.Close()
	watch := &inspect.Watch{Source: source, Filter: c.Filter(), Limit: c.Limit}
	if _, err = watch.Poll(ctx); err == nil {
		err = c.show(ctx, p, watch, printer)
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// show polls, and shows the events: as a screen in a terminal, and otherwise as lines.
func (c *watchCommand) show(ctx context.Context, p *process, watch *inspect.Watch, printer inspect.Printer) error {
	every := duration.Format(c.Every)
	if !c.JSON && terminal.Is(p.stdout) {
		screen := &inspect.Screen{Printer: printer, Title: "conversations, every " + every + "; Ctrl-C ends"}
		return screen.Run(ctx, watch, c.Every)
	}
	fmt.Fprintf(p.stderr, "smsession: watching %d conversations, every %s\n", len(watch.Rows)+watch.More, every)
	return watch.Run(ctx, c.Every, &inspect.Stream{Printer: printer, Warn: func(failure error) {
		if ctx.Err() == nil {
			fmt.Fprintf(p.stderr, "smsession: %s; waiting until Redis answers\n", sentence(failure))
		}
	}})
}
