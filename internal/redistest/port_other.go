//go:build !linux

package redistest

import (
	"net"
	"testing"
)

// ReservePort returns a loopback port on which nothing listens. On this system, another program can get the port before
// the test listens on it.
func ReservePort(tb testing.TB) int {
	tb.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		tb.Fatalf("redistest: find a free port: %v", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
