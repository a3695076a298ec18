//go:build unix

package server_test

import (
	"net"
	"net/http"
	"testing"
	"testing/synctest"
)

// stalled is a connection that the server cannot read until the test allows it.
type stalled struct {
	*net.TCPConn
	goOn chan struct{}
}

func (s stalled) Read(b []byte) (int, error) {
	<-s.goOn
	return s.TCPConn.Read(b)
}

// At the limit, each new connection would otherwise close the one before it, whose request has arrived but has not been
// read yet.
func TestUnreadRequest(t *testing.T) {
	inBubble(t, func(t *testing.T, r *running) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		first := connectTCP(t, l.Addr().String())
		accepted, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		first.write(ask)
		goOn := make(chan struct{})
		r.listener.waiting <- stalled{accepted.(*net.TCPConn), goOn}
		synctest.Wait()
		next := r.connect(t)
		synctest.Wait()
		close(goOn)
		if status := first.ask(t, ""); status != http.StatusOK {
			t.Errorf("the request that had arrived got %d", status)
		}
		if status := next.ask(t, ask); status != http.StatusOK {
			t.Errorf("later, the new connection got %d", status)
		}
		next.Close()
	}, withConnections(1))
}
