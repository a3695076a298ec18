package redistest

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
)

// onlyPort makes a socket take its port from a range of this one port, so "any port" means this one.
func onlyPort(port int) func(network, address string, c syscall.RawConn) error {
	const ipLocalPortRange = 51 // IP_LOCAL_PORT_RANGE, see ip(7)
	return func(_, _ string, c syscall.RawConn) (err error) {
		if controlErr := c.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, ipLocalPortRange, port<<16|port)
		}); controlErr != nil {
			return controlErr
		}
		return err
	}
}

func TestReservePort(t *testing.T) {
	port := ReservePort(t)
	addr := netip.AddrPortFrom(netip.MustParseAddr(host), uint16(port)).String()
	server, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	anyPort := net.ListenConfig{Control: onlyPort(port)}
	outgoing := net.Dialer{Control: onlyPort(port)}
	for _, when := range []string{"before", "after"} {
		l, err := anyPort.Listen(t.Context(), "tcp", net.JoinHostPort(host, "0"))
		if errors.Is(err, syscall.ENOPROTOOPT) {
			t.Skip("Linux has the option since 6.3")
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("a listener on any port got the reserved one %s it was used: %v, %v", when, l, err)
		}
		if c, err := outgoing.Dial("tcp", server.Addr().String()); !errors.Is(err, syscall.EADDRNOTAVAIL) {
			t.Errorf("a connection got the reserved port %s it was used: %v, %v", when, c, err)
		}
		if l, err = net.Listen("tcp", addr); err != nil {
			t.Fatal(err)
		}
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		l.Close()
	}
}
