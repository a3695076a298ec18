package systemtest

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

// TestUnsolicitedBytes has an app that sends more than its answer. net/http logs these bytes, which may be a part of a
// message, and then closes the connection.
func TestUnsolicitedBytes(t *testing.T) {
	t.Parallel()
	const words = "xyzzy-plugh"
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	closed := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			closed <- err
			return
		}
		defer c.Close()
		reader := bufio.NewReader(c)
		if r, err := http.ReadRequest(reader); err == nil {
			_, _ = io.Copy(io.Discard, r.Body)
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"+words)
		_, err = io.Copy(io.Discard, reader)
		closed <- err
	}()
	r := startReplica(t, redistest.Start(t, redistest.Options{}).URL(), "APP_URL=http://"+l.Addr().String()+"/sms")
	newSender(t).deliver(r.url, "/sms", webhooktest.NewSID(), "")
	_ = webhooktest.Receive(t, "the end of the connection", closed)
	r.end()
	if log := r.stderr(); strings.Contains(log, words) {
		t.Errorf("the log has what the app wrote:\n%s", log)
	}
}
