//go:build !unix

package main

// openFiles returns how many files the process may have open. On this system the limit is not known.
func openFiles() (limit uint64, known bool) { return 0, false }
