package systemtest

import "syscall"

// childAttributes makes the kernel kill a child when the test process ends, even if the test process is killed.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
