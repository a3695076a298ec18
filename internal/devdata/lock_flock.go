//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package devdata

import (
	"errors"
	"os"
	"syscall"
)

// lock creates a file and locks it. The lock ends with this process at the latest. It returns an error if another
// process has locked the file.
func lock(path string) (*os.File, error) {
	for {
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
		if err != nil {
			return nil, err
		}
		if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			_ = file.Close()
			if !errors.Is(err, syscall.EWOULDBLOCK) {
				return nil, err
			}
			return nil, errors.New("another smsession dev uses it: choose another file")
		}
		ours, err := file.Stat()
		if there, errThere := os.Lstat(path); err == nil && errThere == nil && os.SameFile(ours, there) {
			return file, nil
		}
		_ = file.Close() // another process has deleted the file in the meantime
	}
}

// unlock deletes the file while it is locked. No other process can then have locked a file with this name.
func unlock(file *os.File) {
	_ = os.Remove(file.Name())
	_ = file.Close()
}
