package redistest

import (
	"syscall"
	"testing"
)

// ReservePort returns a loopback port that belongs to the test until it ends. The test can listen on it, stop and
// listen again, in this process or in another one. In between, the system gives the port to nobody else, neither to a
// listener on port 0 nor to an outgoing connection.
//
// The port is bound to a socket that never listens. Linux lets a second socket bind and listen there if both have
// SO_REUSEADDR, as the listeners of Go, Redis, Node, Python, PHP and Ruby do.
func ReservePort(tb testing.TB) int {
	tb.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		tb.Fatalf("redistest: reserve a port: %v", err)
	}
	tb.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		tb.Fatalf("redistest: reserve a port: %v", err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		tb.Fatalf("redistest: reserve a port: %v", err)
	}
	address, err := syscall.Getsockname(fd)
	if err != nil {
		tb.Fatalf("redistest: reserve a port: %v", err)
	}
	return address.(*syscall.SockaddrInet4).Port
}
