//go:build unix

package socket

import (
	"net"
	"syscall"
)

// Peek returns the state of a connection. It reads nothing and never waits. It is safe while another goroutine reads.
func Peek(c net.Conn) State {
	socket, ok := c.(syscall.Conn)
	if !ok {
		return Unknown
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return Unknown
	}
	state := Unknown
	// Control is used because raw.Read would wait for the goroutine that is reading. Recvfrom returns at once, because
	// Go's sockets are non-blocking.
	_ = raw.Control(func(fd uintptr) {
		switch n, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK); {
		case n > 0:
			state = Unread
		case err == syscall.EAGAIN:
			state = Quiet
		}
	})
	return state
}
