package systemtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// install runs `make install` below a temporary directory, and returns the directory of the files.
func install(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	cmd := exec.Command("make", "-C", "../..", "install", "DESTDIR="+root, "PREFIX=/opt/sms")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make install: %v\n%s", err, out)
	}
	return filepath.Join(root, "opt/sms")
}

// TestInstall installs the program, presses Tab in real shells, and reads the manual page with real readers.
func TestInstall(t *testing.T) {
	prefix := install(t)
	share := func(name string) string { return filepath.Join(prefix, "share", name) }
	work := t.TempDir()
	for _, name := range []string{"token.one", "token.two"} {
		if err := os.WriteFile(filepath.Join(work, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, mode := range map[string]os.FileMode{
		"bin/smsession": 0o755, "share/bash-completion/completions/smsession": 0o644,
		"share/zsh/site-functions/_smsession": 0o644, "share/fish/vendor_completions.d/smsession.fish": 0o644,
		"share/man/man1/smsession.1": 0o644,
	} {
		if info, err := os.Stat(filepath.Join(prefix, name)); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	shell := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(name, args...)
		cmd.Dir = work
		cmd.Env = []string{"PATH=" + filepath.Join(prefix, "bin") + ":" + os.Getenv("PATH"), "TERM=xterm", "PS1=$ ",
			"HOME=" + work, "LANG=C.UTF-8"}
		return cmd
	}
	t.Run("bash", func(t *testing.T) {
		load := "source " + share("bash-completion/completions/smsession")
		pressTab(t, shell("bash", "--norc", "--noprofile", "-i"), load)
	})
	t.Run("zsh", func(t *testing.T) {
		load := "fpath=(" + share("zsh/site-functions") + " $fpath); autoload -Uz compinit; compinit -u -D"
		pressTab(t, shell("zsh", "-f", "-i"), load)
	})
	t.Run("fish", func(t *testing.T) { askFish(t, shell, share("fish/vendor_completions.d/smsession.fish")) })
	t.Run("man", func(t *testing.T) { readManual(t, shell, share("man/man1/smsession.1")) })
}

// pressTab completes a command, a flag, its value and a file in a shell at a terminal.
func pressTab(t *testing.T, cmd *exec.Cmd, load string) {
	x := startAtTerminal(t, cmd)
	x.press(load + "; echo loa''ded" + enter) // the echo of the line does not contain the word
	x.expect("loaded")
	for _, row := range []struct{ typed, shown string }{
		{"smsession webh" + tab + "se" + tab + "--dry" + tab, "smsession webhook set --dry-run"},
		{"smsession ls --so" + tab + "c" + tab, "smsession ls --sort count"},
		{"smsession ls --sort=le" + tab, "smsession ls --sort=left"},
		{"smsession completion z" + tab, "smsession completion zsh"},
		{"smsession serve --redis-url-file token.o" + tab, "smsession serve --redis-url-file token.one"},
		{"smsession serve --redis-url-file=token.t" + tab, "smsession serve --redis-url-file=token.two"},
	} {
		const ctrlA, ctrlE = "\x01", "\x05" // to the beginning and to the end of the line
		x.press(row.typed + ctrlA + "echo '[" + ctrlE + "]'" + enter)
		x.expect("[" + row.shown)
	}
	x.press("exit" + enter)
	_ = x.cmd.Wait()
}

// askFish asks fish for the same candidates that it shows after Tab.
func askFish(t *testing.T, shell func(string, ...string) *exec.Cmd, script string) {
	for line, want := range map[string]string{
		"smsession webhook se":                      "set\tSet the webhook",
		"smsession ls --so":                         "--sort\tSort by count",
		"smsession ls --sort le":                    "left",
		"smsession ls --sort=le":                    "--sort=left",
		"smsession serve --redis-url-file token.o":  "token.one",
		"smsession serve --redis-url-file=token.t":  "--redis-url-file=token.two",
		"smsession end --yes --json --erase --reve": "--reveal\tShow whole",
	} {
		out, err := shell("fish", "--no-config", "-c", "source "+script+"; complete -C '"+line+"'").CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), want) || strings.Count(string(out), "\n") != 1 {
			t.Errorf("%q: %v, %q, want %q", line, err, out, want)
		}
	}
}

// readManual reads the page with man-db and with mandoc, which finds errors.
func readManual(t *testing.T, shell func(string, ...string) *exec.Cmd, page string) {
	if out, err := shell("mandoc", "-T", "lint", "-W", "error", page).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("mandoc: %v, %s", err, out)
	}
	cmd := shell("man", "-l", page)
	cmd.Env = append(cmd.Env, "MANWIDTH=80", "MANROFFSEQ=", "LC_ALL=C.UTF-8")
	text, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("man: %v, %s", err, text)
	}
	words := strings.Join(strings.Fields(string(text)), " ")
	if day, err := exec.Command("git", "log", "-1", "--format=%cs").Output(); err == nil &&
		!strings.HasSuffix(words, " "+strings.TrimSpace(string(day))+" SMSESSION(1)") {
		t.Errorf("the footer is not from %s:\n%s", day, text[max(len(text)-200, 0):])
	}
	for _, want := range []string{"smsession - answers SMS messages from Twilio",
		"smsession show [<number>] [flags] Show what Redis stores", "-y, --yes End the conversations without asking.",
		"not +1555•••4567.", "smsession ls --json | jq -r 'select(.idle_seconds < 60) | .from'",
		"smsession health [flags] Ask a replica on this host", "EXIT STATUS"} {
		if !strings.Contains(words, want) {
			t.Errorf("the page has no %q:\n%.3000s", want, text)
		}
	}
	if strings.Contains(words, "smsession complete ") { // only the scripts of completion call it
		t.Error("the page has the hidden command complete")
	}
}
