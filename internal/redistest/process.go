package redistest

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// readyTimeout is far more than the 30 ms that a start takes, for a busy machine under the race detector.
const readyTimeout = time.Minute

// process is one run of redis-server. It is safe for concurrent use.
type process struct {
	cmd    *exec.Cmd
	output string        // the file that contains the output
	gone   chan struct{} // closed when the process has ended
}

// startProcess starts a program and waits for its ready line. A PING would not be enough, because another program can
// have the port. The error contains the output of the program, which has ended then.
func startProcess(binary, dir string, args []string) (*process, error) {
	output, err := os.CreateTemp(dir, "output-*.log")
	if err != nil {
		return nil, err
	}
	defer output.Close()
	p := &process{cmd: exec.Command(binary, args...), output: output.Name(), gone: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.Stdout, p.cmd.Stderr = output, output
	p.cmd.SysProcAttr = dieWithParent()
	started := make(chan error)
	go func() {
		// Linux kills the process when the thread that started it ends, so the thread is kept until then.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // the process is killed, so its exit status is of no interest
			close(p.gone)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	timeout := time.After(readyTimeout)
	for isOver := false; !p.isReady(); {
		if isOver {
			p.kill()
			return nil, fmt.Errorf("the program is not ready:\n%s", p.text())
		}
		select {
		case <-p.gone:
			isOver = true
		case <-timeout:
			isOver = true
		case <-time.After(2 * time.Millisecond):
		}
	}
	return p, nil
}

// isReady reports whether redis-server or Sentinel has logged that it accepts connections.
func (p *process) isReady() bool {
	text := p.text()
	return strings.Contains(text, "Ready to accept connections") || strings.Contains(text, "Sentinel ID is")
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill() // this fails only if the process has ended
	<-p.gone
}

// signal sends a signal. After SIGSTOP it waits until the process has stopped, which takes a moment if the process is
// running on another processor.
func (p *process) signal(signal syscall.Signal) error {
	err := p.cmd.Process.Signal(signal)
	if err == nil && signal == syscall.SIGSTOP {
		err = waitStopped(p.cmd.Process.Pid)
	}
	return err
}

// text returns the output so far.
func (p *process) text() string {
	text, err := os.ReadFile(p.output)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(text))
}
