package systemtest

import (
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"smsession/internal/processtest"
)

// networkVariable is set in a process that inOwnNetwork has started.
const networkVariable = "SMSESSION_TEST_NETWORK"

// ownAddress is the address of this host in the network of inOwnNetwork.
const ownAddress = "192.168.77.5"

// inOwnNetwork runs the test once more in a network namespace, where this host has loopback and ownAddress and cannot
// reach any other host. It reports whether this process is in the namespace. If not, the test is over. If the system
// permits no namespace, the test is skipped.
func inOwnNetwork(t *testing.T) bool {
	t.Helper()
	if os.Getenv(networkVariable) != "" {
		setAddress(t, "lo", "127.0.0.1")
		setAddress(t, "lo:1", ownAddress)
		return true
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), networkVariable+"=1")
	cmd.SysProcAttr = processtest.DieWithParent()
	cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWNET
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	switch {
	case cmd.Process == nil:
		t.Skipf("the system permits no network namespace: %v", err)
	case err != nil:
		t.Errorf("in a network of its own: %v\n%s", err, out)
	}
	return false
}

// setAddress gives an interface an address, and brings it up.
func setAddress(t *testing.T, name, address string) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq(name)
	if err == nil {
		err = request.SetInet4Addr(net.ParseIP(address).To4())
	}
	if err == nil {
		err = unix.IoctlIfreq(fd, unix.SIOCSIFADDR, request)
	}
	if err == nil {
		request.SetUint16(unix.IFF_UP)
		err = unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request)
	}
	if err != nil {
		t.Fatalf("give %s the address %s: %v", name, address, err)
	}
}
