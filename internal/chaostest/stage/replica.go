package stage

import (
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"

	"smsession/internal/processtest"
	"smsession/internal/webhooktest"
)

// replica is one replica of the program. Only the goroutine of the test uses it, except for url.
type replica struct {
	tb      testing.TB
	program Program
	secret  string // the file with the URL of Redis
	link    link
	process *processtest.Process
	url     atomic.Pointer[string]
	isDown  bool // a fault has ended the process, and will start it again
}

// start starts the process, and waits until it listens. It does not if Redis refuses its password.
func (r *replica) start() {
	settings := slices.Concat([]string{"REDIS_URL_FILE=" + r.secret}, r.program.Settings, r.link.settings())
	r.process = processtest.Start(r.tb, processtest.Command(r.program.Path, r.program.Args, settings...))
	r.isDown = false
	url, err := r.process.Address("listening")
	if err == nil || r.url.Load() == nil {
		r.url.Store(&url)
	}
}

func (r *replica) waitReady() {
	r.tb.Helper()
	webhooktest.WaitNoError(r.tb, "a replica to be ready", r.ready)
}

// ready returns an error if the replica is not ready.
func (r *replica) ready() error {
	res, err := http.Get(*r.url.Load() + "/readyz")
	if err != nil {
		return fmt.Errorf("%w; the log is\n%s", err, r.process.Stderr())
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d; the log is\n%s", res.StatusCode, r.process.Stderr())
	}
	return nil
}

// end begins to end the process.
func (r *replica) end(signal syscall.Signal) {
	r.isDown = true
	r.process.Signal(signal)
}

// revive starts the process again if it has ended without a fault, as an orchestrator does.
func (r *replica) revive() {
	select {
	case <-r.process.Exited:
		if !r.isDown {
			r.tb.Logf("a replica has ended without a fault; its log is\n%s", r.process.Stderr())
			r.start()
		}
	default:
	}
}

// restart ends the process with a signal, and starts it again.
func (r *replica) restart(signal syscall.Signal) {
	r.process.Signal(signal)
	r.process.Signal(syscall.SIGCONT) // a stopped process ends only when it continues
	<-r.process.Exited
	r.start()
}
