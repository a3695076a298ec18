package systemtest

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"smsession/internal/processtest"
)

// process is a program that a test has started.
type process struct {
	*processtest.Process
	tb         testing.TB
	cmd        *exec.Cmd
	stderrPipe io.Closer
	exited     <-chan struct{}
}

// command returns a command line of the program that is not started yet. Its environment has only the settings.
func command(tb testing.TB, args []string, settings ...string) *exec.Cmd {
	tb.Helper()
	return processtest.Command(built(tb, program), args, settings...)
}

// start starts the program. It is killed when the test ends.
func start(tb testing.TB, args []string, settings ...string) *process {
	tb.Helper()
	return startCommand(tb, command(tb, args, settings...))
}

// startCommand is like start, but for any command. It collects the standard output if the command has none.
func startCommand(tb testing.TB, cmd *exec.Cmd) *process {
	tb.Helper()
	p := processtest.Start(tb, cmd)
	return &process{p, tb, cmd, p.StderrPipe, p.Exited}
}

func (p *process) stdout() string                    { return p.Stdout() }
func (p *process) stderr() string                    { return p.Stderr() }
func (p *process) answered(result string) int        { return p.Answered(result) }
func (p *process) waitForLog(text string, count int) { p.tb.Helper(); p.WaitForLog(text, count) }
func (p *process) signal(s os.Signal)                { p.Signal(s) }
func (p *process) kill()                             { p.Kill() }
func (p *process) end()                              { p.End() }
func (p *process) wait() int                         { p.tb.Helper(); return p.Wait() }

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
	processtest.CheckBugs(tb, r.stderr)
	return r
}
