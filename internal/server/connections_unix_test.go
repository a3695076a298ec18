//go:build unix

package server_test

import (
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
)

// unread is a socket that the server cannot read until the test allows it.
type unread struct {
	*net.TCPConn
	goOn chan struct{}
}

func (u unread) Read(b []byte) (int, error) {
	<-u.goOn
	return u.TCPConn.Read(b)
}

// sockets returns the two ends of a connection.
func sockets(t *testing.T) (client, srv *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if client, err = dial(l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return client, accepted.(*net.TCPConn)
}

// At the limit, each new connection would otherwise close the connection before it, whose request has arrived but has
// not been read yet.
func TestAConnectionWithAnUnreadRequestIsNotIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, "", withConnections(1))
		client, srv := sockets(t)
		defer client.Close()
		if _, err := io.WriteString(client, ask); err != nil {
			t.Fatal(err)
		}
		goOn := make(chan struct{})
		r.listener.waiting <- unread{srv, goOn}
		synctest.Wait()
		next := connected(t, r)
		synctest.Wait()
		close(goOn)
		if status := written(t, client, ""); status != http.StatusOK {
			t.Errorf("the request that had arrived got %d", status)
		}
		if status := written(t, next, ask); status != http.StatusOK {
			t.Errorf("later the new connection got %d", status)
		}
		next.Close()
		r.stop()
		<-r.err
	})
}
