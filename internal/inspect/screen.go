package inspect

import (
	"fmt"
	"io"
	"strings"
	"time"

	"smsession/internal/terminal"
)

// Screen is a View for a terminal: a table of the conversations with the latest messages, and the latest events below. It
// needs a terminal with the control sequences of xterm.
// See https://invisible-island.net/xterm/ctlseqs/ctlseqs.html.
type Screen struct {
	Out   io.Writer
	Names Names
	Title string

	events []string // the latest ones, the newest last
}

const (
	openScreen  = "\x1b[?1049h\x1b[?25l\x1b[?7l" // the alternate screen, no cursor, no line wrap
	closeScreen = "\x1b[?7h\x1b[?25h\x1b[?1049l" // the same in reverse
	topLeft     = "\x1b[H"
	eraseLine   = "\x1b[K" // from the cursor to the end of the line
	eraseScreen = "\x1b[J" // from the cursor to the end of the screen
)

// Open takes the whole terminal and draws the table. Close must follow.
func (s *Screen) Open(w *Watch) error {
	if _, err := io.WriteString(s.Out, openScreen); err != nil {
		return err
	}
	return s.Polled(w, nil)
}

// Close gives the terminal back as it was.
func (s *Screen) Close() { _, _ = io.WriteString(s.Out, closeScreen) }

// Event keeps the event for the next drawing.
func (s *Screen) Event(e Event) error {
	const kept = 8
	s.events = append(s.events, e.line(s.Names))
	s.events = s.events[max(len(s.events)-kept, 0):]
	return nil
}

// Polled draws the screen again.
func (s *Screen) Polled(w *Watch, failure error) error {
	note := ""
	if failure != nil {
		note = "! " + terminal.Escape(failure.Error())
	}
	lines, columns := terminal.Size(s.Out)
	_, err := io.WriteString(s.Out, draw(s.lines(w, note, lines), lines, columns))
	return err
}

// lines returns the content of a screen: the title, the table, a note, and the events, which have up to a third of the lines.
func (s *Screen) lines(w *Watch, note string, height int) []string {
	const others = 4 // the title, the header, how many more there are, and the note
	events := s.events[max(len(s.events)-max((height-others)/3, 0), 0):]
	shown := min(max(height-others-len(events), 0), len(w.Rows))
	lines := []string{s.Title, header()}
	now := time.Now()
	for _, c := range w.Rows[:shown] {
		lines = append(lines, c.row(s.Names, now))
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
