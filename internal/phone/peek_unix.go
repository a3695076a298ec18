//go:build unix

package phone

import (
	"net"
	"syscall"
)

// peeker looks at a connection without reading from it.
type peeker struct {
	raw  syscall.RawConn
	look func(fd uintptr) bool // made once: every message looks
	err  *error                // what it saw
}

func newPeeker(c net.Conn) peeker {
	connection, ok := c.(syscall.Conn)
	if !ok {
		return peeker{}
	}
	raw, err := connection.SyscallConn()
	if err != nil {
		return peeker{}
	}
	var one [1]byte
	var seen error
	look := func(fd uintptr) bool {
		_, _, seen = syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK) // Go's sockets do not block
		return true
	}
	return peeker{raw: raw, look: look, err: &seen}
}

// silent reports whether the connection is open and nothing waits to be read from it.
func (p peeker) silent() bool {
	if p.raw == nil || p.raw.Read(p.look) != nil {
		return false
	}
	return *p.err == syscall.EAGAIN || *p.err == syscall.EWOULDBLOCK
}
