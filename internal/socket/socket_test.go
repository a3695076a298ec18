//go:build unix

package socket_test

import (
	"io"
	"net"
	"testing"

	"smsession/internal/socket"
	"smsession/internal/webhooktest"
)

func TestPeek(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	want := func(event string, want socket.State) {
		t.Helper()
		webhooktest.Wait(t, event, func() bool { return socket.Peek(c) == want })
	}

	want("an open connection to be quiet", socket.Quiet)
	_, _ = io.WriteString(client, "x")
	want("a byte to arrive", socket.Unread)
	want("the byte to be still unread", socket.Unread)
	_, _ = c.Read(make([]byte, 1))
	want("a connection whose byte was read to be quiet", socket.Quiet)
	client.Close()
	want("the end of the connection", socket.Unknown)
	c.Close()
	want("a closed connection to be unknown", socket.Unknown)
	t.Run("a connection without a socket is unknown", func(t *testing.T) {
		if one, _ := net.Pipe(); socket.Peek(one) != socket.Unknown {
			t.Error("its state is known")
		}
	})
}
