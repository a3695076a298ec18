package redistest

import (
	"bytes"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// readyTimeout is far more than the 30 ms that a start takes, for a busy machine under the race detector.
const readyTimeout = time.Minute

// readyLines are the lines that redis-server and Sentinel log when they accept connections.
var readyLines = [...]string{"Ready to accept connections", "Sentinel ID is"}

// process is one run of redis-server. It is the io.Writer of the output. It is safe for concurrent use.
type process struct {
	cmd   *exec.Cmd
	ready chan struct{} // closed after the ready line
	gone  chan struct{} // closed when the process has ended and its output has been read

	mu     sync.Mutex
	output bytes.Buffer
}

// startProcess starts a program and waits for its ready line. A PING would not be enough, because another program can
// have the port. The error contains the output of the program, which has ended then.
func startProcess(binary, dir string, args []string) (*process, error) {
	p := &process{cmd: exec.Command(binary, args...), ready: make(chan struct{}), gone: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.Stdout, p.cmd.Stderr = p, p
	// When redis-server rewrites its log, its child keeps the output open for a moment longer than redis-server lives.
	p.cmd.WaitDelay = time.Second
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
	select {
	case <-p.ready:
		return p, nil
	case <-time.After(readyTimeout):
	case <-p.gone:
	}
	p.kill()
	return nil, fmt.Errorf("the program is not ready:\n%s", p.text())
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

// Write collects the output and looks for the ready line.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.output.Write(b)
	select {
	case <-p.ready:
		return len(b), nil
	default:
	}
	for _, line := range readyLines {
		if bytes.Contains(p.output.Bytes(), []byte(line)) {
			close(p.ready)
			break
		}
	}
	return len(b), nil
}

func (p *process) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.TrimSpace(p.output.String())
}
