//go:build unix

package connlimit

import (
	"net"
	"syscall"
)

// hasUnread reports whether bytes have arrived on a connection and have not been read. It never waits, and it leaves the
// bytes in the socket's buffer.
func hasUnread(c net.Conn) bool {
	socket, ok := c.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return false
	}
	n := 0
	// raw.Read would wait for the goroutine that is reading, so raw.Control is used.
	_ = raw.Control(func(fd uintptr) {
		n, _, _ = syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	})
	return n > 0
}
