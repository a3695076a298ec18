package inspect

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"time"
	"unicode/utf8"

	"smsession/internal/conversation"
	"smsession/internal/terminal"
)

// List writes conversations as they are found: as lines of a table, whose columns have a fixed width because the later
// lines are not known yet, or as lines of JSON. It is not safe for concurrent use.
type List struct {
	Out   io.Writer
	Names Names
	JSON  bool

	begun bool
}

// Print writes the conversations. Nothing is left in a buffer. The error is that of the writer.
func (l *List) Print(found []Conversation) error {
	now := time.Now()
	out := bufio.NewWriter(l.Out)
	if !l.begun && !l.JSON {
		fmt.Fprintln(out, header())
	}
	l.begun = true
	for _, c := range found {
		if l.JSON {
			_ = terminal.WriteJSON(out, c.object(l.Names, now)) // Flush returns the writer's error
		} else {
			fmt.Fprintln(out, c.row(l.Names, now))
		}
	}
	return out.Flush()
}

// columns are the two addresses, a count and two durations.
const columns = "%s %s %7s %8s %8s"

// header is the first line of a table.
func header() string { return fmt.Sprintf(columns, pad("FROM"), pad("TO"), "COUNT", "IDLE", "LEFT") }

// row returns the conversation as a line of a table. A question mark stands for what only a later version can read.
func (c Conversation) row(names Names, now time.Time) string {
	count, idle, left := fmt.Sprint(c.Count), terminal.Brief(now.Sub(c.Written)), "for ever"
	if c.Newer {
		count, idle = "?", "?"
	}
	if c.Left != Forever {
		left = terminal.Brief(c.Left)
	}
	return fmt.Sprintf(columns, pad(names.Show(c.From)), pad(names.Show(c.To)), count, idle, left)
}

// pad returns an address for a terminal, as wide as a column. A wider address stays whole.
func pad(address string) string {
	const width = 21 // whatsapp:+1202•••0143
	address = terminal.Escape(address)
	return fmt.Sprintf("%s%*s", address, max(width-utf8.RuneCountInString(address), 0), "")
}

// object is a conversation in JSON. What is not known is left out.
type object struct {
	From    string     `json:"from"`
	To      string     `json:"to"`
	Count   *int64     `json:"count,omitempty"`
	Idle    *int64     `json:"idle_seconds,omitempty"`
	Left    *int64     `json:"left_seconds,omitempty"`
	Began   *time.Time `json:"began,omitempty"`
	Written *time.Time `json:"written,omitempty"`
}

func (c Conversation) object(names Names, now time.Time) object {
	o := object{From: names.Show(c.From), To: names.Show(c.To)}
	if c.Left != Forever {
		o.Left = new(wholeSeconds(c.Left))
	}
	if !c.Newer {
		o.Count, o.Idle, o.Began, o.Written = &c.Count, new(wholeSeconds(now.Sub(c.Written))), &c.Began, &c.Written
	}
	return o
}

func wholeSeconds(d time.Duration) int64 { return int64(max(d, 0) / time.Second) }

// Names decides how addresses are shown: whole if the operator typed them or asked for it, and else masked.
type Names struct {
	Reveal bool
	Typed  []string
}

// Show returns the address as it may be shown. It may contain characters that do not print.
func (n Names) Show(address string) string {
	if n.Reveal || slices.Contains(n.Typed, address) {
		return address
	}
	return conversation.Mask(address)
}

// pair returns both addresses of a conversation for a terminal.
func (n Names) pair(from, to string) string {
	return terminal.Escape(n.Show(from)) + " to " + terminal.Escape(n.Show(to))
}
