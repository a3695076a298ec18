//go:build !linux

package redistest

import (
	"syscall"
	"time"
)

// dieWithParent does nothing. If a test binary dies without cleaning up, its redis-server continues to run.
func dieWithParent() *syscall.SysProcAttr { return nil }

// waitStopped waits for a time in which a process usually stops.
func waitStopped(int) error {
	time.Sleep(20 * time.Millisecond)
	return nil
}
