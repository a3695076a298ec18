//go:build !linux

package processtest

import "syscall"

// DieWithParent returns nil, because this system cannot signal a child when its parent ends.
func DieWithParent() *syscall.SysProcAttr { return nil }
