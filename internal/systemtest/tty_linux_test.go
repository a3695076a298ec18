package systemtest

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"smsession/internal/devservice"
	"smsession/internal/webhooktest"
)

// tty is a process at a pseudo-terminal of 24 lines and 80 columns.
type tty struct {
	tb           testing.TB
	cmd          *exec.Cmd
	ours, theirs *os.File
	before       unix.Termios

	mu    sync.Mutex
	shown strings.Builder
	seen  int // the length of the text that expect has already found
	ended chan struct{}
}

// startPhone starts a `smsession phone` at a terminal.
func startPhone(tb testing.TB, settings []string, args ...string) *tty {
	tb.Helper()
	return startAtTerminal(tb, phoneCommand(tb, settings, args...))
}

// startAtTerminal starts a command at a terminal. See pty(7) and ioctl_tty(2) of the Linux manual.
func startAtTerminal(tb testing.TB, cmd *exec.Cmd) *tty {
	tb.Helper()
	x := &tty{tb: tb, cmd: cmd, ended: make(chan struct{})}
	x.open()
	x.cmd.Stdin, x.cmd.Stdout, x.cmd.Stderr = x.theirs, x.theirs, x.theirs
	if x.cmd.SysProcAttr == nil {
		x.cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	x.cmd.SysProcAttr.Setsid, x.cmd.SysProcAttr.Setctty = true, true // so that Ctrl-C is a signal
	if err := x.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	go x.read()
	tb.Cleanup(func() {
		_ = x.cmd.Process.Kill()
		_ = x.cmd.Wait()
		x.theirs.Close()
		<-x.ended
		x.ours.Close()
	})
	return x
}

func (x *tty) open() {
	x.tb.Helper()
	var err error
	if x.ours, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		x.tb.Fatal(err)
	}
	fd := int(x.ours.Fd())
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80})
	}
	if err == nil {
		x.theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		x.tb.Fatal(err)
	}
	x.before = x.modes()
}

// modes returns the terminal's settings for the input.
func (x *tty) modes() unix.Termios {
	x.tb.Helper()
	modes, err := unix.IoctlGetTermios(int(x.theirs.Fd()), unix.TCGETS)
	if err != nil {
		x.tb.Fatal(err)
	}
	return *modes
}

func (x *tty) read() {
	defer close(x.ended)
	b := make([]byte, 4096)
	for {
		n, err := x.ours.Read(b)
		x.mu.Lock()
		x.shown.Write(b[:n])
		x.mu.Unlock()
		if err != nil { // EIO when no process has the other end open
			return
		}
	}
}

func (x *tty) text() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.shown.String()
}

// press types keys.
func (x *tty) press(keys string) {
	x.tb.Helper()
	if _, err := x.ours.WriteString(keys); err != nil {
		x.tb.Fatal(err)
	}
}

// expect waits until a text is shown, after the text that the last expect has found.
func (x *tty) expect(want string) {
	x.tb.Helper()
	webhooktest.WaitNoError(x.tb, "the terminal to show a text", func() error {
		text := x.text()
		i := strings.Index(text[x.seen:], want)
		if i < 0 {
			return fmt.Errorf("%q is not shown in %q", want, text[x.seen:])
		}
		x.seen += i + len(want)
		return nil
	})
}

// exits checks that the process ends with a status and has restored the terminal.
func (x *tty) exits(status int) {
	x.tb.Helper()
	if _ = x.cmd.Wait(); x.cmd.ProcessState.ExitCode() != status {
		x.tb.Errorf("%v: %q", x.cmd.ProcessState, x.text())
	}
	if x.modes() != x.before {
		x.tb.Errorf("the settings of the terminal are %+v, they were %+v", x.modes(), x.before)
	}
	const end = "<the end>"
	_, _ = x.theirs.WriteString(end) // after everything that the process has written
	x.expect(end)
	if text := strings.TrimSuffix(x.text(), end); !strings.HasSuffix(text, "\n") {
		x.tb.Errorf("the shell's prompt would be on the line of %q", text)
	}
}

const (
	ctrlC, ctrlD  = "\x03", "\x04"
	enter, tab    = "\r", "\t"
	up, backspace = "\x1b[A", "\x7f"
	prompt        = "> "
)

func TestPhoneAtTerminal(t *testing.T) {
	d := startDev(t, "PORT=0", "ADMIN_ADDR=")
	x := startPhone(t, append(runtimeOf(d), "TERM=xterm"))
	x.expect("texting " + devservice.To + " as " + devservice.From)
	for _, typed := range []struct{ keys, want string }{
		{"hi" + enter, "< " + webhooktest.Greeting(1)},
		{"hix" + backspace + " again" + enter, "< " + webhooktest.Greeting(2)},
		{up + enter, "< " + webhooktest.Greeting(3)},          // the same text, another message
		{"/ag" + tab + enter, "< " + webhooktest.Greeting(3)}, // completed to /again
		{enter + "/nothing" + enter, "no such command"},       // an empty line does nothing
		{"/skip" + enter, "4h have passed"},
		{"/forge hi" + enter, "! 11217"},
		{"ende" + enter, "< " + webhooktest.Greeting(1)},
	} {
		x.expect(prompt)
		x.press(typed.keys)
		x.expect(typed.want)
	}
	x.expect(prompt)
	x.press(ctrlD)
	x.exits(0) // also after an error, because the person at the terminal has seen it
	if got := x.text(); !strings.Contains(got, "\x1b[31m! 11217") {
		t.Errorf("the error is not red in %q", got)
	}
	if got := x.text(); !strings.Contains(got, "> hi\r\n< Hello") {
		t.Errorf("the typed text is shown twice in %q", got)
	}
}

func TestPhoneEnds(t *testing.T) {
	thinking, done := make(chan bool, 1), make(chan bool)
	w := startWebhook(t, func(http.ResponseWriter, *http.Request) {
		thinking <- true
		<-done
	})
	defer close(done)
	settings := []string{"TERM=xterm", "TWILIO_AUTH_TOKEN=" + webhooktest.AuthToken, "NO_COLOR=1"}
	for name, during := range map[string]func(x *tty){
		"by Ctrl-C at the prompt":    func(x *tty) { x.press("half a te" + ctrlC) },
		"by Ctrl-C during a request": func(x *tty) { x.press("hi" + enter); <-thinking; x.press(ctrlC) },
		"by SIGTERM":                 func(x *tty) { _ = x.cmd.Process.Signal(syscall.SIGTERM) },
		"by /quit":                   func(x *tty) { x.press("/quit" + enter) },
	} {
		t.Run(name, func(t *testing.T) {
			x := startPhone(t, settings, "--url="+w.URL)
			x.expect(prompt)
			during(x)
			x.exits(0)
			if strings.Contains(x.text(), "\x1b[31m") || strings.Contains(x.text(), "\x1b[2m") {
				t.Errorf("there are colours in %q", x.text())
			}
		})
	}
}

func TestPhoneAtDumbTerminal(t *testing.T) {
	w := startWebhook(t, twiml("welcome"))
	x := startPhone(t, []string{"TERM=dumb", "TWILIO_AUTH_TOKEN=" + webhooktest.AuthToken}, "--url="+w.URL)
	x.press("hi\n")
	x.expect("< welcome")
	x.press(ctrlD)
	x.exits(0)
	if strings.Contains(x.text(), "\x1b") {
		t.Errorf("it shows %q", x.text())
	}
}
