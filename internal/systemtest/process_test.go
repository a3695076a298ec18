package systemtest

import (
	"bufio"
	"bytes"
	"errors"
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

// process is a program that a test has started, and its output.
type process struct {
	tb         testing.TB
	cmd        *exec.Cmd
	stderrPipe io.Closer
	exited     chan struct{}

	mu       sync.Mutex
	out      strings.Builder
	lines    []string       // of stderr, without the log lines about requests
	requests []string       // the latest log lines about requests
	results  map[string]int // the number of requests by their result
}

// lastRequests is how many log lines about requests a process keeps. A test may send a hundred thousand.
const lastRequests = 100

// command returns a command line of the program that is not started yet. Its environment has only the settings.
func command(tb testing.TB, args []string, settings ...string) *exec.Cmd {
	tb.Helper()
	return commandOf(built(tb, program), args, settings...)
}

// commandOf is like command, but for any program.
func commandOf(path string, args []string, settings ...string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	// Under the race detector, a process waits before it exits in case another thread finds a race: a second by
	// default.
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "GORACE=atexit_sleep_ms=20"}, settings...)
	cmd.SysProcAttr = childAttributes()
	return cmd
}

// start starts the program. It is killed when the test ends.
func start(tb testing.TB, args []string, settings ...string) *process {
	tb.Helper()
	return startCommand(tb, command(tb, args, settings...))
}

// startCommand is like start, but for any command. It collects the standard output if the command has none.
func startCommand(tb testing.TB, cmd *exec.Cmd) *process {
	tb.Helper()
	p := &process{tb: tb, cmd: cmd, exited: make(chan struct{}), results: map[string]int{}}
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
	p.stderrPipe = stderr
	go p.read(stderr)
	tb.Cleanup(p.end)
	return p
}

// result is the output and the exit status of a program.
type result struct {
	stdout, stderr string // stderr has no newline at its end
	status         int
}

// execute runs the program until it exits.
func execute(tb testing.TB, args []string, settings ...string) result {
	tb.Helper()
	return executeCommand(tb, command(tb, args, settings...))
}

// executeCommand is like execute, but for any command, which may have an input.
func executeCommand(tb testing.TB, cmd *exec.Cmd) result {
	tb.Helper()
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		tb.Fatal(err)
	}
	r := result{stdout.String(), strings.TrimSuffix(stderr.String(), "\n"), cmd.ProcessState.ExitCode()}
	checkBugs(tb, r.stderr)
	return r
}

// checkBugs fails the test if the standard error of a process shows a bug.
func checkBugs(tb testing.TB, stderr string) {
	tb.Helper()
	for _, sign := range []string{"DATA RACE", `"msg":"panic"`, "goroutine "} {
		if strings.Contains(stderr, sign) {
			tb.Errorf("the process has a bug:\n%s", stderr)
			return
		}
	}
}

// read collects stderr until the process exits.
func (p *process) read(stderr io.Reader) {
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		p.note(lines.Bytes())
	}
	_ = p.cmd.Wait()
	close(p.exited)
}

func (p *process) note(line []byte) {
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
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

// stdout returns the standard output so far.
func (p *process) stdout() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// stderr returns the lines of the standard error so far. It keeps only the latest log lines about requests.
func (p *process) stderr() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(slices.Concat(p.lines, p.requests), "\n")
}

// answered returns how many requests had a result, according to the log.
func (p *process) answered(result string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.results[result]
}

// waitForLog waits until the standard error contains text at least count times.
func (p *process) waitForLog(text string, count int) {
	p.tb.Helper()
	webhooktest.Wait(p.tb, "the log line "+text, func() bool { return strings.Count(p.stderr(), text) >= count })
}

func (p *process) signal(s os.Signal) { _ = p.cmd.Process.Signal(s) }

// kill ends the process at once, as a crash does.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.exited
}

// end kills the process and checks its log.
func (p *process) end() {
	p.kill()
	checkBugs(p.tb, p.stderr())
}

// wait waits until the process exits, and returns its status.
func (p *process) wait() int {
	p.tb.Helper()
	webhooktest.Receive(p.tb, "the process to exit", p.exited)
	return p.cmd.ProcessState.ExitCode()
}
