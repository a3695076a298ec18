//go:build unix

package socket

import (
	"net"
	"syscall"
)

// Peek returns the state of a connection. It reads nothing and never waits. Another goroutine may read at the same
// time.
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
	// raw.Read would wait for the goroutine that is reading. Go's sockets do not block.
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
