package phone_test

import (
	"net"
	"slices"
	"strconv"
	"syscall"
	"testing"

	"smsession/internal/phone"
)

// A listener whose queue is full lets nobody in, and turns nobody away: on Linux, connections to it hang.
func TestAConnectionThatIsNotHadInTimeIsNamed(t *testing.T) {
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
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(name.(*syscall.SockaddrInet4).Port))
	first, err := net.Dial("tcp", addr) // takes the only place
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	d := send(t, newPhone(t, phone.Endpoint{URL: publicURL + "#ct=100", Address: "http://" + addr}), "hi")
	if got := errorsOf(d); !slices.Equal(got, []int{11205}) || d.Findings[0].Name != "HTTP connection failure" {
		t.Errorf("findings %+v", d.Findings)
	}
	if got := reasons(d); !slices.Equal(got, []phone.Reason{phone.Primary, phone.Retry}) {
		t.Errorf("exchanges %q, want two attempts", got)
	}
}
