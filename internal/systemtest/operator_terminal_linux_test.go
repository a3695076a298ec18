package systemtest

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

func TestEndAsks(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	r := startReplica(t, server.URL())
	rows := []struct {
		name, keys, says string
		args             []string
		status, next     int
	}{
		{"no", "n" + enter, "nothing was changed", nil, 1, 3},
		{"an empty line", enter, "nothing was changed", nil, 1, 3},
		{"another word", "maybe" + enter, "nothing was changed", nil, 1, 3},
		{"the end of the input", ctrlD, "nothing was changed", nil, 1, 3},
		{"an interruption", ctrlC, "nothing was changed", nil, 1, 3},
		{"yes", "y" + enter, "ended after 2 messages", nil, 0, 1},
		{"yes in full", "YES" + enter, "ended after 2 messages", []string{"--to", "+15005550006"}, 0, 1},
		{"yes to be forgotten", "y" + enter, "may be counted again", []string{"--erase"}, 0, 1},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			s := startConversation(t, r, 2)
			x := startAtTerminal(t, operatorCommand(t, server.URL(), append([]string{"end", s.From}, row.args...)...))
			x.expect(s.From + " to ")
			x.expect("counter   2")
			x.expect("this conversation? [y/N] ")
			x.press(row.keys)
			x.expect(row.says)
			x.exits(row.status)
			if n := number(s.deliver(r.url, "/sms", webhooktest.NewSID(), "").Text()); n != row.next {
				t.Errorf("the next message is number %d, want %d", n, row.next)
			}
		})
	}
}

// TestEndAsksOnce ends more conversations than a terminal of 24 lines can show.
func TestEndAsksOnce(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	addConversations(t, server, 30)
	for _, row := range []struct{ keys, says, left string }{
		{"n" + enter, "nothing was changed", "30"},
		{"y" + enter, "+1202•••0030 to +15005550006: ended after 1 message", "0"},
	} {
		x := startAtTerminal(t, operatorCommand(t, server.URL(), "end", "--to", "+15005550006"))
		x.expect("FROM ")
		x.expect("+1202•••0018 ")
		x.expect("and 12 more\r\nEnd these 30 conversations? [y/N] ")
		for line := range strings.Lines(x.text()) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\r\n")); n > 80 {
				t.Errorf("%q has %d columns", line, n)
			}
		}
		x.press(row.keys)
		x.expect(row.says)
		_ = x.cmd.Wait()
		list := execute(t, []string{"ls", "--json"}, "REDIS_URL="+server.URL())
		if strings.Count(x.text(), "[y/N]") != 1 || fmt.Sprint(strings.Count(list.stdout, "\n")) != row.left {
			t.Errorf("after %q: %s\n%s", row.keys, x.text(), list.stdout)
		}
	}
}

func TestWatchTable(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	r := startReplica(t, server.URL())
	first := startConversation(t, r, 2)
	for name, end := range map[string]func(x *tty){
		"Ctrl-C":  func(x *tty) { x.press(ctrlC) },
		"SIGTERM": func(x *tty) { _ = x.cmd.Process.Signal(syscall.SIGTERM) },
	} {
		t.Run("it restores the terminal after "+name, func(t *testing.T) { watchTable(t, server, r, first, end, 0) })
	}
	t.Run("it restores the terminal when Redis refuses", func(t *testing.T) {
		watchTable(t, server, r, first, func(*tty) {
			server.CLI("ACL", "SETUSER", "default", "-scan")
		}, 1)
	})
}

func watchTable(t *testing.T, server *redistest.Server, r *replica, first *sender, end func(*tty), status int) {
	x := startAtTerminal(t, operatorCommand(t, server.URL(), "watch", "--every", "100ms"))
	x.expect("\x1b[?1049h") // the alternate screen
	x.expect("FROM")
	x.expect("+1202•••" + first.From[8:])
	second := startConversation(t, r, 1)
	x.expect("began     +1202•••" + second.From[8:])
	end(x)
	_ = x.cmd.Wait()
	x.expect("\x1b[?1049l")
	text := x.text()
	if x.cmd.ProcessState.ExitCode() != status || x.modes() != x.before {
		t.Errorf("%v: %q", x.cmd.ProcessState, text)
	}
	if strings.Count(text, "\x1b[?1049h") != 1 || strings.Count(text, "\x1b[?1049l") != 1 ||
		strings.LastIndex(text, "\x1b[H") > strings.Index(text, "\x1b[?1049l") ||
		!strings.Contains(text, "\x1b[?25h") || !strings.Contains(text, "\x1b[?7h") {
		t.Errorf("the terminal is left as %q", text[max(len(text)-200, 0):])
	}
	if strings.Contains(text, first.From) {
		t.Error("the table shows a whole phone number")
	}
}
