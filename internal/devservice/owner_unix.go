//go:build unix

package devservice

import (
	"os"
	"syscall"
)

// ownedByUser reports whether the file belongs to the user of this process.
func ownedByUser(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Getuid()
}
