package processtest

import "syscall"

// DieWithParent returns attributes that make the kernel kill a child when the test process ends, even if the test
// process is killed.
func DieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
