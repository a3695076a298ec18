//go:build unix

package fleet_test

import (
	"errors"
	"net"
	"syscall"
	"testing"

	"smsession/internal/fleet"
)

func TestNoMoreFiles(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	none := limit
	none.Cur = 0
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	f := fleet.New(2)
	err = f.Run(t.Context(), l, f, fleet.Options{})
	if errLimit := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); errLimit != nil {
		t.Fatal(errLimit)
	}
	if !errors.Is(err, syscall.EMFILE) {
		t.Errorf("Run returns %v", err)
	}
}
