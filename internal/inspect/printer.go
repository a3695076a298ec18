package inspect

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"smsession/internal/conversation"
	"smsession/internal/duration"
	"smsession/internal/terminal"
)

// Printer prints conversations for an operator: as text, or as lines of JSON for a program. It shows the whole address
// if the operator typed it or set Reveal, and masks it otherwise. It is not safe for concurrent use.
type Printer struct {
	Out    io.Writer
	JSON   bool
	Reveal bool
	Typed  []string // addresses that the operator typed

	RevealApp bool // Show also prints what the app has stored and replied

	begun bool // whether List was called before
}

// List prints conversations. It may be called once for each page, and leaves nothing in a buffer. The columns of the
// table have a fixed width, because later pages are not known yet. List returns the error of Out.
func (p *Printer) List(found []Conversation) error {
	now := time.Now()
	out := bufio.NewWriter(p.Out)
	if !p.begun && !p.JSON {
		fmt.Fprintln(out, header)
	}
	p.begun = true
	for _, c := range found {
		_ = p.print(out, p.object(c, now), p.row(c, now)) // Flush returns the error of the writer
	}
	return out.Flush()
}

// print writes object or text as a line.
func (p *Printer) print(out io.Writer, object any, text string) error {
	if p.JSON {
		return terminal.WriteJSON(out, object)
	}
	_, err := fmt.Fprintln(out, text)
	return err
}

// columns are the two addresses, a count and two durations. A masked address has at most 21 characters, such as
// whatsapp:+1202•••0143. A wider address is not cut.
const columns = "%-21s %-21s %7s %8s %8s  %s"

// header is the first line of a table.
const header = "FROM                  TO                      COUNT     IDLE     LEFT  APP"

// row returns a conversation as a line of a table. It shows a question mark for a value that only a later version can
// read.
func (p *Printer) row(c Conversation, now time.Time) string {
	idle, left := duration.Brief(now.Sub(c.Written)), "for ever"
	if c.Newer {
		idle = "?"
	}
	if c.Left != Forever {
		left = duration.Brief(c.Left)
	}
	app := ""
	if c.App > 0 {
		app = "yes"
	}
	return strings.TrimRight(fmt.Sprintf(columns, p.address(c.From), p.address(c.To), count(c), idle, left, app), " ")
}

// count returns the count of a conversation, or a question mark if only a later version can read it.
func count(c Conversation) string {
	if c.Newer {
		return "?"
	}
	return strconv.FormatInt(c.Count, 10)
}

// object is a conversation, or an event of one, in JSON. Values that are not known are left out.
type object struct {
	At      *time.Time `json:"at,omitempty"`    // the time of an event
	Kind    Kind       `json:"event,omitempty"` // the kind of an event
	From    string     `json:"from"`
	To      string     `json:"to"`
	Count   *int64     `json:"count,omitempty"`
	Idle    *int64     `json:"idle_seconds,omitempty"`
	Left    *int64     `json:"left_seconds,omitempty"`
	Began   *time.Time `json:"began,omitempty"`
	Written *time.Time `json:"written,omitempty"`
	App     int        `json:"app_bytes,omitempty"` // the size of what the app has stored
}

func (p *Printer) object(c Conversation, now time.Time) object {
	o := object{From: p.mask(c.From), To: p.mask(c.To), App: c.App}
	if c.Left != Forever {
		o.Left = new(wholeSeconds(c.Left))
	}
	if !c.Newer {
		o.Count, o.Idle, o.Began, o.Written = &c.Count, new(wholeSeconds(now.Sub(c.Written))), &c.Began, &c.Written
	}
	return o
}

func wholeSeconds(d time.Duration) int64 { return int64(max(d, 0) / time.Second) }

// mask returns an address, masked if necessary. The result may contain characters that do not print.
func (p *Printer) mask(address string) string {
	if p.Reveal || slices.Contains(p.Typed, address) {
		return address
	}
	return conversation.Mask(address)
}

// address returns an address, masked if necessary, that is safe for a terminal.
func (p *Printer) address(address string) string { return terminal.Escape(p.mask(address)) }
