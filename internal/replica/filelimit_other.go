//go:build !unix

package replica

// openFiles reports false, because the limit for open files is not known on this system.
func openFiles() (limit uint64, isKnown bool) { return 0, false }
