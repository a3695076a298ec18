//go:build unix

package server

import (
	"net"
	"syscall"
)

// unread returns how many bytes, at most enoughToBegin, have come on a connection that nobody has read yet. It never
// waits, and it reads nothing.
func unread(c net.Conn) int {
	socket, ok := c.(syscall.Conn)
	if !ok {
		return 0
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return 0
	}
	n := 0
	// Not raw.Read: it would wait for the goroutine that is reading.
	_ = raw.Control(func(fd uintptr) {
		var b [enoughToBegin]byte
		n, _, _ = syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	})
	return max(n, 0)
}
