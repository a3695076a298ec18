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
	"smsession/internal/session/record"
	"smsession/internal/terminal"
)

// Printer prints conversations for an operator: as text, or as lines of JSON for a program. It shows the whole address
// if the operator typed it or set Reveal, and masks it otherwise. It is not safe for concurrent use.
type Printer struct {
	Out    io.Writer
	JSON   bool
	Reveal bool
	Typed  []string // addresses that the operator typed

	RevealApp   bool // Show also prints what the app has stored and replied
	TokenLength int  // how many characters of a token the table shows; 0 for 6

	begun bool // whether List was called before
}

// List prints conversations. It may be called once for each page, and leaves nothing in a buffer. The columns of the
// table have a fixed width, because later pages are not known yet. List returns the error of Out.
func (p *Printer) List(found []Conversation) error {
	now := time.Now()
	out := bufio.NewWriter(p.Out)
	if !p.begun && !p.JSON {
		fmt.Fprintln(out, p.header())
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

// tableRows is how many conversations Table prints, so that a question below them fits a terminal of 24 lines.
const tableRows = 18

// Table prints the first conversations for a person, and the number of the others. It prints as many characters of the
// tokens as tell the printed conversations apart.
func (p Printer) Table(found []Conversation) error {
	shown := found[:min(len(found), tableRows)]
	p.JSON, p.TokenLength = false, distinct(shown)
	err := p.List(shown)
	if more := len(found) - len(shown); more > 0 && err == nil {
		_, err = fmt.Fprintf(p.Out, "and %d more\n", more)
	}
	return err
}

// distinct returns the least length, from MinToken, at which the beginnings of all tokens differ. It returns MinToken
// if two tokens are the same, as after damage.
func distinct(found []Conversation) int {
	for length := MinToken; length < record.TokenLength; length++ {
		seen := map[string]bool{}
		for _, c := range found {
			seen[begin(c.Token, length)] = true
		}
		if len(seen) == len(found) {
			return length
		}
	}
	return MinToken
}

// columns are the two addresses, a count and two durations. A masked address has at most 21 characters, such as
// whatsapp:+1202•••0143. A wider address is not cut. A line has at most 80 characters.
const columns = "%-21s %-21s %7s %7s %7s  %-*s  %s"

// header returns the first line of a table.
func (p *Printer) header() string {
	return p.columns("FROM", "TO", "COUNT", "IDLE", "LEFT", "TOKEN", "APP")
}

// columns returns a line of a table.
func (p *Printer) columns(from, to, count, idle, left, token, app string) string {
	line := fmt.Sprintf(columns, from, to, count, idle, left, max(p.TokenLength, MinToken), token, app)
	return strings.TrimRight(line, " ")
}

// row returns a conversation as a line of a table. It shows a question mark for a value that is not known, and the word
// ended instead of a count.
func (p *Printer) row(c Conversation, now time.Time) string {
	counted, idle, left := count(c), duration.Brief(now.Sub(c.Written)), "forever"
	switch {
	case c.Opaque:
		idle = "?"
	case c.Ended:
		counted = "ended"
	}
	if c.Left != Forever {
		left = duration.Brief(c.Left)
	}
	app := ""
	if c.App > 0 {
		app = "yes"
	}
	token := begin(c.Token, max(p.TokenLength, MinToken))
	return p.columns(p.address(c.From), p.address(c.To), counted, idle, left, token, app)
}

// begin returns the first characters of a token. The whole token would allow a reader to take over the session.
func begin(token string, length int) string { return terminal.Escape(token[:min(len(token), length)]) }

// count returns the count of a conversation, or a question mark if it is not known.
func count(c Conversation) string {
	if c.Opaque {
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
	Token   string     `json:"token,omitempty"`     // its first characters
}

func (p *Printer) object(c Conversation, now time.Time) object {
	o := object{From: p.mask(c.From), To: p.mask(c.To), Token: begin(c.Token, MinToken), App: c.App}
	if c.Left != Forever {
		o.Left = new(wholeSeconds(c.Left))
	}
	if !c.Opaque {
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
