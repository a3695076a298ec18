package app

import (
	"net"
	"syscall"
	"testing"
)

// writer is a connection whose Write calls a function.
type writer struct {
	net.Conn
	write func() (int, error)
}

func (w writer) Write([]byte) (int, error) { return w.write() }

// The app may answer before Write returns. A request that the app has received would then be sent again, if the attempt
// did not know about it yet.
func TestConnReportsBeforeItWrites(t *testing.T) {
	a := new(attempt)
	var n int
	var err error
	c := &conn{Conn: writer{write: func() (int, error) {
		if !a.isSent.Load() {
			t.Error("the attempt does not know that bytes are being written")
		}
		return n, err
	}}}
	c.attempt.Store(a)
	for _, step := range []struct {
		name   string
		n      int
		err    error
		isSent bool
	}{
		{"a write that fails at once sends nothing", 0, syscall.EPIPE, false},
		{"a write that fails later has sent something", 3, syscall.EPIPE, true},
		{"a later write without a byte does not change that", 0, syscall.EPIPE, true},
	} {
		t.Run(step.name, func(t *testing.T) {
			n, err = step.n, step.err
			if got, _ := c.Write([]byte("POST")); got != n || a.isSent.Load() != step.isSent {
				t.Errorf("%d bytes are written, isSent is %t", got, a.isSent.Load())
			}
		})
	}
}
