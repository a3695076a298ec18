package redistest

import (
	"bytes"
	"fmt"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

const (
	// readyTimeout is far more than the 30 ms that a start takes, for a busy machine under the race detector.
	readyTimeout = time.Minute

	// outputDelay is how long to wait for the output after the process has ended. A child that saves the data set, and
	// that outlives the process, keeps the pipe of the output open.
	outputDelay = time.Second
)

// process is one run of redis-server. It is safe for concurrent use. The program writes its output to it.
type process struct {
	cmd   *exec.Cmd
	ready chan struct{} // closed when the process accepts connections
	gone  chan struct{} // closed when the process has ended

	mu     sync.Mutex
	output []byte
}

// startProcess starts a program and waits for its ready line. A PING would not be enough, because another program may
// listen on the port. The error contains the output of the program, which has ended by then.
func startProcess(binary, dir string, args []string) (*process, error) {
	p := &process{cmd: exec.Command(binary, args...), ready: make(chan struct{}), gone: make(chan struct{})}
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, p, p
	p.cmd.SysProcAttr, p.cmd.WaitDelay = dieWithParent(), outputDelay
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
	select {
	case <-p.ready:
		return p, nil
	case <-p.gone:
	case <-time.After(readyTimeout):
		p.kill()
	}
	return nil, fmt.Errorf("the program did not become ready:\n%s", p.text())
}

// Write adds to the output, and closes ready once redis-server or Sentinel has logged that it accepts connections.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	wasReady := isReady(p.output)
	p.output = append(p.output, b...)
	if !wasReady && isReady(p.output) {
		close(p.ready)
	}
	return len(b), nil
}

func isReady(output []byte) bool {
	return bytes.Contains(output, []byte("Ready to accept connections")) ||
		bytes.Contains(output, []byte("Sentinel ID is"))
}

// text returns the output so far.
func (p *process) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return string(bytes.TrimSpace(p.output))
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
