package systemtest

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// stuckDocker is a Docker whose build waits until the test writes to a fifo, and then fails.
const stuckDocker = `#!/bin/sh
case "$*" in *build*) read -r _ <"$(dirname "$0")/fifo"; exit 1 ;; esac
`

// TestComposeTestSaysWhatItDoes runs compose-test/run.sh with a Docker that takes longer than 10 s to build the image.
func TestComposeTestSaysWhatItDoes(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	fifo := filepath.Join(bin, "fifo")
	if err := os.WriteFile(filepath.Join(bin, "docker"), []byte(stuckDocker), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "../../deploy/compose-test/run.sh")
	cmd.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "TMPDIR=" + bin}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stderr)
	if !lines.Scan() || !regexp.MustCompile(`^\.\.\. \d\d s: building the image$`).MatchString(lines.Text()) {
		t.Errorf("the first line is %q, %v", lines.Text(), lines.Err())
	}
	release, err := os.OpenFile(fifo, os.O_RDWR, 0) // does not wait for a reader
	if err != nil {
		t.Fatal(err)
	}
	defer release.Close()
	if _, err := release.WriteString("\n"); err != nil {
		t.Fatal(err)
	}
	var last string
	for lines.Scan() { // until the script and everything that it started have ended
		last = lines.Text()
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(last, "FAILED: the image cannot be built") {
		t.Errorf("the script ended with %v and the line %q", err, last)
	}
	if left, err := filepath.Glob(filepath.Join(bin, "tmp.*")); err != nil || len(left) > 0 {
		t.Errorf("the script leaves %q, %v", left, err)
	}
}
