//go:build !linux

package redistest

import (
	"syscall"
	"time"
)

// dieWithParent does nothing. A test binary that dies without cleaning up leaves its redis-server behind.
func dieWithParent() *syscall.SysProcAttr { return nil }

// waitStopped gives a process some time to stop.
func waitStopped(int) error {
	time.Sleep(20 * time.Millisecond)
	return nil
}
