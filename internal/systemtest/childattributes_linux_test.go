package systemtest

import "syscall"

// childAttributes lets a replica die with the suite, also when that is killed.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
