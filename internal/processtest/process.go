// Package processtest builds programs, and runs them as processes with their output and their log. Only tests import
// it.
package processtest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"smsession/internal/webhooktest"
)

// Process is a program that a test has started, and its output. It is safe for concurrent use.
type Process struct {
	Cmd        *exec.Cmd
	StderrPipe io.Closer     // a test may close it
	Exited     chan struct{} // closed when the process has exited

	tb testing.TB

	mu       sync.Mutex
	out      strings.Builder
	lines    []string       // of stderr, without the log lines about requests
	requests []string       // the latest log lines about requests
	results  map[string]int // the number of requests by their result
}

// lastRequests is how many log lines about requests a process keeps. A test may send a hundred thousand.
const lastRequests = 100

// Build builds a program with go build.
func Build(path, source string, flags ...string) error {
	args := append([]string{"build", "-buildvcs=false", "-o", path}, flags...)
	if out, err := exec.Command("go", append(args, source)...).CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// Command returns a command line that is not started yet. Its environment has only PATH and the settings, NAME=value.
func Command(path string, args []string, settings ...string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	// Under the race detector, a process waits before it exits in case another thread finds a race: a second by
	// default.
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "GORACE=atexit_sleep_ms=20"}, settings...)
	cmd.SysProcAttr = DieWithParent()
	return cmd
}

// Start starts a command. The process is killed when the test ends. The standard output is collected if the command has
// none.
func Start(tb testing.TB, cmd *exec.Cmd) *Process {
	tb.Helper()
	p := &Process{tb: tb, Cmd: cmd, Exited: make(chan struct{}), results: map[string]int{}}
	if cmd.Stdout == nil {
		cmd.Stdout = p
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	p.StderrPipe = stderr
	go p.read(stderr)
	tb.Cleanup(p.End)
	return p
}

// CheckBugs fails the test if the standard error of a process shows a bug.
func CheckBugs(tb testing.TB, stderr string) {
	tb.Helper()
	for _, sign := range []string{"DATA RACE", `"msg":"panic"`, "goroutine "} {
		if strings.Contains(stderr, sign) {
			tb.Errorf("the process has a bug:\n%s", stderr)
			return
		}
	}
}

// read collects stderr until the process exits.
func (p *Process) read(stderr io.Reader) {
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		p.note(lines.Bytes())
	}
	_ = p.Cmd.Wait()
	close(p.Exited)
}

func (p *Process) note(line []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !bytes.Contains(line, []byte(`"msg":"request"`)) {
		p.lines = append(p.lines, string(line))
		return
	}
	_, after, _ := bytes.Cut(line, []byte(`"result":"`))
	result, _, _ := bytes.Cut(after, []byte(`"`))
	p.results[string(result)]++
	if p.requests = append(p.requests, string(line)); len(p.requests) >= 2*lastRequests {
		p.requests = slices.Clone(p.requests[lastRequests:])
	}
}

// Write collects stdout.
func (p *Process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

// Stdout returns the standard output so far.
func (p *Process) Stdout() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// Stderr returns the lines of the standard error so far. It keeps only the latest log lines about requests.
func (p *Process) Stderr() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(slices.Concat(p.lines, p.requests), "\n")
}

// Answered returns how many requests had a result, according to the log.
func (p *Process) Answered(result string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.results[result]
}

// WaitForLog waits until the standard error contains text at least count times.
func (p *Process) WaitForLog(text string, count int) {
	p.tb.Helper()
	webhooktest.Wait(p.tb, "the log line "+text, func() bool { return strings.Count(p.Stderr(), text) >= count })
}

// WaitForAddress waits for a log line with a message and an address, and returns the address as a URL. It fails the
// test if the process exits first.
func (p *Process) WaitForAddress(message string) (url string) {
	p.tb.Helper()
	url, err := p.Address(message)
	if err != nil {
		p.tb.Fatal(err)
	}
	return url
}

// Address is WaitForAddress, but returns an error if the process exits first.
func (p *Process) Address(message string) (url string, err error) {
	p.tb.Helper()
	webhooktest.Wait(p.tb, "the log line "+message, func() bool {
		for line := range strings.SplitSeq(p.Stderr(), "\n") {
			var one struct {
				Msg, Addr string
				Replica   int // of a replica behind the public listener of dev
			}
			if json.Unmarshal([]byte(line), &one) == nil && one.Msg == message && one.Replica == 0 {
				url = "http://" + one.Addr
			}
		}
		select {
		case <-p.Exited:
			err = fmt.Errorf("the process has exited:\n%s", p.Stderr())
		default:
		}
		return url != "" || err != nil
	})
	return url, err
}

// Signal sends a signal. It does nothing if the process has exited.
func (p *Process) Signal(s os.Signal) { _ = p.Cmd.Process.Signal(s) }

// Kill ends the process at once, as a crash does.
func (p *Process) Kill() {
	p.Signal(syscall.SIGKILL)
	<-p.Exited
}

// End kills the process and checks its log.
func (p *Process) End() {
	p.Kill()
	CheckBugs(p.tb, p.Stderr())
}

// Wait waits until the process exits, and returns its status.
func (p *Process) Wait() int {
	p.tb.Helper()
	webhooktest.Receive(p.tb, "the process to exit", p.Exited)
	return p.Cmd.ProcessState.ExitCode()
}
