//go:build !linux

package systemtest

import "syscall"

// childAttributes is nothing where the system has no death signal for children.
func childAttributes() *syscall.SysProcAttr { return nil }
