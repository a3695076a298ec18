package main

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/term"

	"smsession/internal/inspect"
	"smsession/internal/redispool"
)

// watchCommand shows conversations as they begin, speak and end.
type watchCommand struct {
	operatorFlags
	From  address `name:"from" placeholder:"NUMBER" help:"Only conversations of this sender, the whole address as in a message."`
	To    address `name:"to" placeholder:"NUMBER" help:"Only conversations with this number of ours."`
	Every string  `name:"every" default:"2s" placeholder:"DURATION" help:"How long to wait between two looks (default 2s)."`
	Limit string  `name:"limit" default:"10000" placeholder:"N" help:"How many conversations to remember, those that spoke last (default 10000)."`
}

// Help is shown below the flags' summary.
func (c *watchCommand) Help() string {
	return `In a terminal it is a table, the last to speak first, with the latest events below; Ctrl-C ends it. Into a pipe, or with --json, it
prints a line an event: began, spoke, ended (by STOP or an operator), gone (its time was over, or it was erased). Each look goes
through all keys with SCAN. Of conversations beyond --limit it sees who speaks, and not who goes.

  smsession watch --to +15005550006
  smsession watch --json | jq -c 'select(.event == "began")'

It needs REDIS_URL and nothing else. A Redis that goes away is waited for; one that cannot be asked at the start is exit status 1.`
}

// shortest keeps a slip of the finger from asking Redis without a pause.
const shortest = 100 * time.Millisecond

// Run looks until it is interrupted, which is how it ends.
func (c *watchCommand) Run(p *process) error {
	var r numberReader
	every, limit := r.duration("--every", c.Every), r.whole("--limit", c.Limit, 1, largestLimit)
	if every < shortest {
		r.note("--every", "at least "+shortest.String())
	}
	if r.fault != "" {
		return r.fault
	}
	source, err := c.source()
	if err != nil {
		return err
	}
	defer source.Pool.Close()
	watch := &inspect.Watch{Source: source, Filter: inspect.Filter{To: string(c.To), From: string(c.From)}, Limit: limit}
	if err := watch.Look(p.ctx, nil); err != nil {
		return ended(p, err)
	}
	if c.JSON || !isTerminal(p.stdout) {
		fmt.Fprintf(p.stderr, "smsession: watching %d conversations, every %v\n", len(watch.Rows)+watch.More, every)
		return ended(p, follow(p, every, watch, c.printer(p)))
	}
	return ended(p, c.table(p, every, watch))
}

// ended is how a watch ends: an interruption is what was meant.
func ended(p *process, err error) error {
	if p.ctx.Err() != nil {
		return nil
	}
	return operated(err, readNeeds)
}

// view is told what a watch sees.
type view struct {
	event func(inspect.Event) error
	after func(trouble error) error // a look
}

// follow looks again and again. A Redis that does not answer is trouble that passes; one that refuses is not.
func follow(p *process, every time.Duration, watch *inspect.Watch, v view) error {
	pause := time.NewTimer(every)
	defer pause.Stop()
	for ; ; pause.Reset(every) { // after the look: one that takes longer than every is not followed by the next at once
		select {
		case <-p.ctx.Done():
			return p.ctx.Err()
		case <-pause.C:
		}
		var unheard error // of the view's own
		err := watch.Look(p.ctx, func(e inspect.Event) error {
			unheard = v.event(e)
			return unheard
		})
		if unheard != nil || redispool.Refused(err) {
			return err
		}
		if err := v.after(err); err != nil {
			return err
		}
	}
}

// printer prints a line an event, and says once that Redis does not answer.
func (c *watchCommand) printer(p *process) view {
	names, away := c.names(c.From, c.To), false
	return view{
		event: func(e inspect.Event) error {
			line := e.Line(names)
			if c.JSON {
				line = string(e.Object(names))
			}
			_, err := fmt.Fprintln(p.stdout, line)
			return err
		},
		after: func(trouble error) error {
			if trouble != nil && !away && p.ctx.Err() == nil {
				fmt.Fprintf(p.stderr, "smsession: %s; it goes on once Redis answers\n", sentence(trouble))
			}
			away = trouble != nil
			return nil
		},
	}
}

// table shows a table until the end, and gives the terminal back as it was.
func (c *watchCommand) table(p *process, every time.Duration, watch *inspect.Watch) error {
	screen := &inspect.Screen{Names: c.names(c.From, c.To), Title: fmt.Sprintf("conversations, every %v; Ctrl-C ends", every)}
	fmt.Fprint(p.stdout, inspect.Enter)
	defer fmt.Fprint(p.stdout, inspect.Leave)
	draw := func(trouble error) error {
		said := ""
		if trouble != nil {
			said = "! " + inspect.Safe(trouble.Error())
		}
		_, err := fmt.Fprint(p.stdout, screen.Frame(watch, said, size(p.stdout), time.Now()))
		return err
	}
	if err := draw(nil); err != nil {
		return err
	}
	return follow(p, every, watch, view{
		event: func(e inspect.Event) error { screen.Note(e); return nil },
		after: draw,
	})
}

// size is that of the terminal, or the size that terminals once had.
func size(stdout any) inspect.Size {
	if f, ok := stdout.(*os.File); ok {
		if columns, lines, err := term.GetSize(int(f.Fd())); err == nil && lines > 0 {
			return inspect.Size{Lines: lines, Columns: columns}
		}
	}
	return inspect.Size{Lines: 24, Columns: 80}
}
