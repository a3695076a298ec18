//go:build !linux

package systemtest

import "syscall"

// childAttributes returns nil, because this system cannot signal a child when its parent ends.
func childAttributes() *syscall.SysProcAttr { return nil }
