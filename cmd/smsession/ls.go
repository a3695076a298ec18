package main

import (
	"errors"
	"math"

	"smsession/internal/inspect"
)

// lsCommand lists the live conversations.
type lsCommand struct {
	operatorFlags
	From  address `name:"from" placeholder:"NUMBER" help:"Only conversations of this sender, the whole address as in a message."`
	To    address `name:"to" placeholder:"NUMBER" help:"Only conversations with this number of ours."`
	Sort  string  `name:"sort" placeholder:"ORDER" help:"The first ones only, in order: count (highest), idle (longest), left (least) or began (longest ago). Without it, all as they are found."`
	Limit string  `name:"limit" placeholder:"N" help:"At most so many (default with --sort 20, else all)."`
}

// Help is shown below the flags' summary.
func (c *lsCommand) Help() string {
	return `It goes through the keys with SCAN, so Redis answers messages meanwhile, and prints what it finds as it finds it. COUNT is the
messages counted, IDLE how long ago the last one was, LEFT the time until the session is over if nobody texts. Sessions that were
ended are left out. One that a Cluster moves to another server meanwhile may be listed twice, or not at all.

  smsession ls --to +15005550006
  smsession ls --sort count --limit 10 --reveal
  smsession ls --json | jq -r 'select(.idle_seconds < 60) | .from'

It needs REDIS_URL and nothing else. The exit status is 0 also if there is none; 1 if Redis cannot be asked, 2 for a wrong command line or setting.`
}

const (
	usualLimit   = 20
	largestLimit = 100_000 // conversations held for an order: some 30 MB
)

// Run prints a line a conversation.
func (c *lsCommand) Run(p *process) error {
	order, limit, err := c.order()
	if err != nil {
		return err
	}
	source, err := c.source()
	if err != nil {
		return err
	}
	defer source.Pool.Close()
	filter := inspect.Filter{To: string(c.To), From: string(c.From)}
	list := &inspect.List{Out: p.stdout, Names: c.names(c.To, c.From), JSON: c.JSON}
	if order == nil {
		err = source.Each(p.ctx, filter, limited(list.Print, limit))
	} else {
		err = sorted(p, source, filter, order, limit, list)
	}
	if errors.Is(err, errEnough) {
		return nil
	}
	return operated(err, readNeeds)
}

// order reads --sort and --limit. Without an order a limit of 0 is none.
func (c *lsCommand) order() (order inspect.Order, limit int, err error) {
	most := math.MaxInt32
	if c.Sort != "" {
		if order = inspect.Orders()[c.Sort]; order == nil {
			return nil, 0, commandFault("--sort is not one of count, idle, left and began")
		}
		limit, most = usualLimit, largestLimit
	}
	if c.Limit == "" {
		return order, limit, nil
	}
	var r numberReader
	if limit = r.whole("--limit", c.Limit, 1, most); r.fault != "" {
		return nil, 0, r.fault
	}
	return order, limit, nil
}

// sorted prints the first ones of an order.
func sorted(p *process, source inspect.Source, filter inspect.Filter, order inspect.Order, limit int, list *inspect.List) error {
	first, err := source.First(p.ctx, filter, order, limit)
	if err != nil || len(first) == 0 {
		return err
	}
	return list.Print(first)
}

var errEnough = errors.New("enough conversations are listed")

// limited ends a search after so many conversations; 0 is no limit.
func limited(visit func([]inspect.Conversation) error, limit int) func([]inspect.Conversation) error {
	if limit == 0 {
		return visit
	}
	return func(found []inspect.Conversation) error {
		n := min(len(found), limit)
		limit -= n
		if err := visit(found[:n]); err != nil || limit > 0 {
			return err
		}
		return errEnough
	}
}
