package inspect

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestScreenFitsTheTerminal(t *testing.T) {
	w := &Watch{More: 10}
	for i := range 30 {
		w.Rows = append(w.Rows, Conversation{To: "+15005550006", From: fmt.Sprintf("+12025550%03d", 39-i), Count: 1,
			Written: time.Now()})
	}
	screen := &Screen{Printer: Printer{Out: io.Discard}, Title: "conversations"}
	for range 3 {
		if err := screen.Show(w, slices.Repeat([]Event{{Kind: Began, Conversation: w.Rows[1]}}, 20), nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, size := range []struct{ height, width int }{{24, 80}, {5, 10}, {1, 1}, {3, 200}, {100, 40}, {0, 0}} {
		drawn := draw(screen.lines(w, "! trouble", size.height), size.height, size.width)
		lines := strings.Split(drawn, "\r\n")
		if len(lines) > max(size.height, 1) {
			t.Errorf("%+v: %d lines", size, len(lines))
		}
		for _, line := range lines {
			line = strings.NewReplacer("\x1b[H", "", "\x1b[K", "", "\x1b[J", "").Replace(line)
			if utf8.RuneCountInString(line) > size.width || strings.ContainsAny(line, "\x1b\n") {
				t.Errorf("%+v: %q", size, line)
			}
		}
	}
	drawn := draw(screen.lines(w, "! trouble", 24), 24, 80)
	for _, want := range []string{"conversations", "COUNT", "+1202•••0039", "and 26 more", "! trouble",
		" began     +1202•••0038"} {
		if !strings.Contains(drawn, want) {
			t.Errorf("no %q in %q", want, drawn)
		}
	}
}
