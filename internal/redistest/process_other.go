//go:build !linux

package redistest

import "os/exec"

// dieWithParent does nothing: only Linux can tie a child to its parent's life. Elsewhere a test binary that dies
// without cleaning up leaves its redis-server behind.
func dieWithParent(*exec.Cmd) {}
