package inspect

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"smsession/internal/terminal"
)

// Screen is a View for a terminal: a table of the conversations with the latest messages, and the latest events below.
// It needs a terminal with the control sequences of xterm. It is not safe for concurrent use.
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

// Run uses the whole terminal to show w, and restores the terminal at the end. It returns the errors of w.Run and of
// Out.
func (s *Screen) Run(ctx context.Context, w *Watch, every time.Duration) error {
	defer io.WriteString(s.Out, closeScreen)
	if _, err := io.WriteString(s.Out, openScreen); err != nil {
		return err
	}
	if err := s.Show(w, nil, nil); err != nil {
		return err
	}
	return w.Run(ctx, every, s)
}

// Show draws the screen again. It returns the error of Out.
func (s *Screen) Show(w *Watch, events []Event, failure error) error {
	for _, e := range events {
		s.events = append(s.events, s.event(e))
	}
	s.events = s.events[max(len(s.events)-8, 0):]
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
	const fixed = 4 // lines: the title, the header, how many more conversations there are, and the note
	events := s.events[max(len(s.events)-max((height-fixed)/3, 0), 0):]
	shown := min(max(height-fixed-len(events), 0), len(w.Rows))
	lines := []string{s.Title, s.header()}
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
	lines = lines[:min(len(lines), height)]
	for i, line := range lines {
		runes := []rune(line)
		lines[i] = string(runes[:min(len(runes), width)]) + eraseLine
	}
	return topLeft + strings.Join(lines, "\r\n") + eraseScreen
}
