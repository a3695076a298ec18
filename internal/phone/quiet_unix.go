//go:build unix

package phone

import (
	"net"
	"syscall"
)

// isQuiet reports whether a connection is open and has nothing to read. It reads nothing, and does not wait for another
// goroutine that reads.
func isQuiet(c *net.TCPConn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	var peekErr error
	err = raw.Control(func(fd uintptr) {
		_, _, peekErr = syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK) // Go's sockets do not block
	})
	return err == nil && (peekErr == syscall.EAGAIN || peekErr == syscall.EWOULDBLOCK)
}
