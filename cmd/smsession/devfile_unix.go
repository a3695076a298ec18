//go:build unix

package main

import (
	"os"
	"syscall"
)

// ownedByUs reports whether the file is this user's.
func ownedByUs(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Getuid()
}
