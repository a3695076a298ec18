package redistest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// errPortTaken says that redis-server ended because somebody else has its port.
var errPortTaken = errors.New("the port is taken")

// process is one run of redis-server, and the io.Writer that its output goes to.
type process struct {
	cmd   *exec.Cmd
	ready chan struct{} // closed by the ready line
	gone  chan struct{} // closed when the process has ended and its output is read

	mu      sync.Mutex
	output  bytes.Buffer
	isReady bool
}

// launch starts the program. It returns an error only if that could not be done at all.
func launch(binary, dir string, args []string) (*process, error) {
	p := &process{
		cmd:   exec.Command(binary, args...),
		ready: make(chan struct{}),
		gone:  make(chan struct{}),
	}
	p.cmd.Dir = dir
	p.cmd.Stdout, p.cmd.Stderr = p, p
	// A child of redis-server that rewrites the log holds the output open for a moment longer than its parent lives.
	p.cmd.WaitDelay = time.Second
	dieWithParent(p.cmd)

	started := make(chan error)
	go func() {
		// The kernel ties "die with the parent" to the thread that forked, so that thread must outlive the child:
		// this goroutine keeps it to itself until the child is gone.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // that it was killed is how it ends
			close(p.gone)
		}
	}()
	return p, <-started
}

// waitReady waits for the ready line of this very process. A PING would be answered by whoever has the port.
func (p *process) waitReady(limit time.Duration) error {
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	select {
	case <-p.ready:
		return nil
	case <-timeout.C:
		return fmt.Errorf("redis-server was not ready after %v:\n%s", limit, p.text())
	case <-p.gone:
		text := p.text()
		if strings.Contains(text, "Failed listening on port") {
			return fmt.Errorf("%w:\n%s", errPortTaken, text)
		}
		return fmt.Errorf("redis-server ended at once:\n%s", text)
	}
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill() // its only error is that the process has ended
	<-p.gone
}

// signal sends SIGSTOP or SIGCONT; for SIGSTOP it waits until the process has stopped, which takes a moment when it is
// running on another processor.
func (p *process) signal(sig syscall.Signal) error {
	if err := p.cmd.Process.Signal(sig); err != nil {
		return err
	}
	if sig != syscall.SIGSTOP {
		return nil
	}
	for deadline := time.Now().Add(5 * time.Second); !p.isStopped(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			return errors.New("the process does not stop")
		}
	}
	return nil
}

// isStopped reads the state of the process, the first field after its name in parentheses. A system without /proc
// gets a short wait instead.
func (p *process) isStopped() bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		time.Sleep(20 * time.Millisecond)
		return true
	}
	_, fields, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(fields, "T")
}

// Write collects the output and looks for the line that says that connections are accepted; a Sentinel has its own.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.output.Write(b)
	if p.isReady {
		return len(b), nil
	}
	text := p.output.Bytes()
	if bytes.Contains(text, []byte("Ready to accept connections")) || bytes.Contains(text, []byte("Sentinel ID is")) {
		p.isReady = true
		close(p.ready)
	}
	return len(b), nil
}

func (p *process) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.TrimSpace(p.output.String())
}
