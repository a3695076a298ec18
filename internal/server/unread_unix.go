//go:build unix

package server

import (
	"net"
	"syscall"
)

// unread returns how many bytes, at most enoughToBegin, have arrived on a connection and have not been read. It never
// waits, and it leaves the bytes in the socket's buffer.
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
	// raw.Read would wait for the goroutine that is reading, so raw.Control is used.
	_ = raw.Control(func(fd uintptr) {
		var b [enoughToBegin]byte
		n, _, _ = syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	})
	return max(n, 0)
}
