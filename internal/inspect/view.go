package inspect

import (
	"fmt"
	"io"
	"strings"
	"time"

	"smsession/internal/terminal"
)

// Stream is a View that writes a line for each event, as text or as JSON.
type Stream struct {
	Printer
	// Warn is called with the failure when Redis stops answering.
	Warn func(failure error)

	failing bool
}

// Show writes the events.
func (s *Stream) Show(_ *Watch, events []Event, failure error) error {
	if failure != nil && !s.failing {
		s.Warn(failure)
	}
	s.failing = failure != nil
	for _, e := range events {
		object := struct {
			At   time.Time `json:"at"`
			Kind Kind      `json:"event"`
			object
		}{e.At.UTC(), e.Kind, s.object(e.Conversation, e.At)}
		if err := s.print(object, s.line(e)); err != nil {
			return err
		}
	}
	return nil
}

// line returns an event as text. It has at most 80 characters if the addresses are masked.
func (p *Printer) line(e Event) string {
	from, to := pad(p.show(e.From)), pad(p.show(e.To))
	return fmt.Sprintf("%s %-5s %s %s %7s", e.At.Format("15:04:05"), e.Kind, from, to, count(e.Conversation))
}

// Screen is a View for a terminal: a table of the conversations with the latest messages, and the latest events below.
// It needs a terminal with the control sequences of xterm.
// See https://invisible-island.net/xterm/ctlseqs/ctlseqs.html.
type Screen struct {
	Printer
	Title string

	events []string // the latest events, the newest one last
}

const (
	openScreen  = "\x1b[?1049h\x1b[?25l\x1b[?7l" // use the alternate screen, hide the cursor, do not wrap lines
	closeScreen = "\x1b[?7h\x1b[?25h\x1b[?1049l" // undo openScreen, in reverse order
	topLeft     = "\x1b[H"
	eraseLine   = "\x1b[K" // from the cursor to the end of the line
	eraseScreen = "\x1b[J" // from the cursor to the end of the screen
)

// Open takes the whole terminal and draws the table. Close must follow.
func (s *Screen) Open(w *Watch) error {
	if _, err := io.WriteString(s.Out, openScreen); err != nil {
		return err
	}
	return s.Show(w, nil, nil)
}

// Close restores the terminal.
func (s *Screen) Close() { _, _ = io.WriteString(s.Out, closeScreen) }

// Show draws the screen again.
func (s *Screen) Show(w *Watch, events []Event, failure error) error {
	const kept = 8
	for _, e := range events[max(len(events)-kept, 0):] {
		s.events = append(s.events, s.line(e))
	}
	s.events = s.events[max(len(s.events)-kept, 0):]
	note := ""
	if failure != nil {
		note = "! " + terminal.Escape(failure.Error())
	}
	lines, columns := terminal.Size(s.Out)
	_, err := io.WriteString(s.Out, draw(s.lines(w, note, lines), lines, columns))
	return err
}

// lines returns the content of a screen: the title, the table, a note, and the events. The events take up to a third of
// the lines.
func (s *Screen) lines(w *Watch, note string, height int) []string {
	const others = 4 // lines: the title, the header, how many more conversations there are, and the note
	events := s.events[max(len(s.events)-max((height-others)/3, 0), 0):]
	shown := min(max(height-others-len(events), 0), len(w.Rows))
	lines := []string{s.Title, header()}
	now := time.Now()
	for _, c := range w.Rows[:shown] {
		lines = append(lines, s.row(c, now))
	}
	more := ""
	if n := len(w.Rows) - shown + w.More; n > 0 {
		more = fmt.Sprintf("and %d more with earlier messages", n)
	}
	return append(append(lines, more, note), events...)
}

// draw returns the control sequences that write the lines over the whole screen, cut to its size.
func draw(lines []string, height, width int) string {
	var b strings.Builder
	b.WriteString(topLeft)
	for i, line := range lines[:min(len(lines), height)] {
		if i > 0 {
			b.WriteString("\r\n")
		}
		runes := []rune(line)
		b.WriteString(string(runes[:min(len(runes), width)]) + eraseLine)
	}
	b.WriteString(eraseScreen)
	return b.String()
}
