package phone_test

import (
	"fmt"
	"net"
	"slices"
	"syscall"
	"testing"

	"smsession/internal/phone"
)

// A listener with a full queue neither accepts nor refuses connections. On Linux, connections to it hang.
func TestConnectTimeout(t *testing.T) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
	first, err := net.Dial("tcp", address) // fills the queue
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	d := send(t, newPhone(t, withOverrides("http://"+address, "#ct=100")), "hi")
	if got := errorsOf(d); !slices.Equal(got, []int{11205}) || d.Findings[0].Name != "HTTP connection failure" {
		t.Errorf("the findings are %+v", d.Findings)
	}
	if got := reasons(d); !slices.Equal(got, []phone.Reason{phone.Primary, phone.Retry}) {
		t.Errorf("the exchanges are %q, want two tries", got)
	}
}
