package inspect

import (
	"fmt"
	"strings"
	"time"
)

// Screen is a terminal that shows what is watched. It needs a terminal that knows the sequences of the xterm.
// See https://invisible-island.net/xterm/ctlseqs/ctlseqs.html.
type Screen struct {
	Names  Names
	Title  string
	events []string // the last ones, newest last
}

// What the terminal is told at the beginning and the end: another screen, no cursor, and no line that goes on in the next.
const (
	Enter = "\x1b[?1049h\x1b[?25l\x1b[?7l"
	Leave = "\x1b[?7h\x1b[?25h\x1b[?1049l"
)

// Size is that of a terminal.
type Size struct{ Lines, Columns int }

// keptEvents is how many events a screen shows at most.
const keptEvents = 8

// Note takes an event to be shown.
func (s *Screen) Note(e Event) {
	s.events = append(s.events, e.Line(s.Names))
	s.events = s.events[max(len(s.events)-keptEvents, 0):]
}

// Frame draws over the whole screen: what is known, and trouble if there is any, in its size. The
// conversations give way to the last events.
func (s *Screen) Frame(w *Watch, trouble string, size Size, now time.Time) string {
	lines, columns := size.Lines, size.Columns
	events := s.events[max(len(s.events)-max((lines-4)/3, 0), 0):]
	room := max(lines-4-len(events), 0) // the title, the header, how many more, and a blank line or trouble
	shown := min(room, len(w.Rows))
	all := []string{s.Title, header()}
	for _, c := range w.Rows[:shown] {
		all = append(all, c.line(s.Names, now))
	}
	more := ""
	if n := len(w.Rows) - shown + w.More; n > 0 {
		more = fmt.Sprintf("and %d more, who spoke earlier", n)
	}
	all = append(append(all, more, trouble), events...)
	var b strings.Builder
	b.WriteString("\x1b[H")
	for i, line := range all[:min(len(all), lines)] {
		if i > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString(cut(line, columns) + "\x1b[K")
	}
	b.WriteString("\x1b[J")
	return b.String()
}

// cut shortens a line to the width of the terminal.
func cut(line string, columns int) string {
	if r := []rune(line); len(r) > columns {
		return string(r[:max(columns, 0)])
	}
	return line
}
