package main

import (
	"context"
	"fmt"

	"smsession/internal/inspect"
	"smsession/internal/inspect/flags"
	"smsession/internal/usage"
)

// lsCommand lists the live conversations.
type lsCommand struct {
	flags.List
	Sort  inspect.Order `name:"sort" enum:"count,idle,left,began," default:"" placeholder:"ORDER" help:"Sort by count (highest first), idle (longest first), left (least first) or began (earliest first). Without it, conversations are listed as they are found."`
	Limit *int          `name:"limit" placeholder:"N" help:"List at most this many (default 20 with --sort, otherwise all)."`
}

// sortedLimit is the highest --limit of `ls --sort` and of watch, which keep the conversations in memory. They need up
// to 60 MB.
const sortedLimit = 100_000

// Help is shown below the flags' summary.
func (c *lsCommand) Help() string {
	return `COUNT is the number of counted messages. IDLE is the time since the last one. LEFT is the time until the session
expires if no further message arrives. TOKEN is the beginning of the session's token: show and end accept it as --token.
They also accept a masked number as ls prints it. APP is yes if your own app has stored something. Ended sessions are
left out. ls reads the keys with SCAN, so Redis continues to answer messages. It prints each conversation when it finds
it, unless --sort is set. On a Cluster, a conversation whose slot moves meanwhile may be listed twice or not at all.

ls needs REDIS_URL and no Twilio secret. Without REDIS_URL, it uses a running smsession dev. If there are no
conversations, the exit status is 0, and a line on stderr says so. It is 1 if Redis cannot be read, and 2 for a wrong
command line or setting.

  smsession ls
  smsession ls --to +15005550006
  smsession ls --sort count --limit 10 --reveal
  smsession ls --json | jq -r 'select(.idle_seconds < 60) | .from'`
}

// Validate checks --limit.
func (c *lsCommand) Validate() error {
	switch {
	case c.Limit == nil:
	case *c.Limit < 1:
		return usage.Fault("--limit must be a whole number from 1")
	case c.Sort != "" && *c.Limit > sortedLimit:
		return usage.Fault(fmt.Sprintf("--limit must be a whole number from 1 to %d with --sort", sortedLimit))
	}
	return nil
}

// Run prints a line for each conversation.
func (c *lsCommand) Run(ctx context.Context, p *process) error {
	source, printer, err := c.Open(ctx, p.stdout, p.stderr)
	if err != nil {
		return err
	}
	defer source.Pool.Close()
	limit := 0
	if c.Limit != nil {
		limit = *c.Limit
	} else if c.Sort != "" {
		limit = 20
	}
	listed := false
	err = source.List(ctx, c.Filter(), c.Sort, limit, func(found []inspect.Conversation) error {
		listed = true
		return printer.List(found)
	})
	if err == nil && !listed {
		c.explainNone(p)
	}
	return err
}

// explainNone explains an empty list to a person. A program reads standard output, so it is not disturbed.
func (c *lsCommand) explainNone(p *process) {
	text := "there is no live conversation"
	if c.From.Number+c.To.Number != "" {
		text += " of that number: it never sent a message, its session has ended, its record cannot be read, " +
			"or it needs whatsapp: before it"
	}
	fmt.Fprintf(p.stderr, "smsession: %s\n", text)
}
