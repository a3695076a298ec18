//go:build unix

package replica

import "syscall"

// openFiles returns how many files the process may have open. Go has already raised the soft limit to the hard limit.
func openFiles() (limit uint64, isKnown bool) {
	var r syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r)
	return uint64(r.Cur), err == nil
}
