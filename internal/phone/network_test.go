package phone_test

import (
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"smsession/internal/phone"
)

// keeping answers on each connection as often as it is asked, and counts the connections.
func keeping(t *testing.T, connections *atomic.Int64, response string) string {
	t.Helper()
	return "http://" + newRaw(t, func(c net.Conn, _ int) {
		connections.Add(1)
		for readRequest(t, c) != "" {
			io.WriteString(c, response)
		}
	})
}

func TestConnectionsAreKept(t *testing.T) {
	for _, row := range []struct {
		name, response string
		want           int64
	}{
		{"after an answer with a length", whole(empty), 1},
		{"after an answer in chunks", "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nTransfer-Encoding: chunked\r\n\r\n" + hexLength(empty) + "\r\n" + empty + "\r\n0\r\n\r\n", 1},
		{"after an answer without a body", "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n", 1},
		{"not when the server says so", whole(empty, "Connection: close"), 3},
		{"not after more than the answer", whole(empty) + "HTTP/1.1 200 OK\r\n\r\n", 3},
		{"not after half of an answer that was too large", whole(string(make([]byte, 64<<10+2))), 3},
	} {
		t.Run(row.name, func(t *testing.T) {
			var connections atomic.Int64
			p := newPhone(t, at(keeping(t, &connections, row.response)))
			for range 3 {
				send(t, p, "hi")
			}
			if got := connections.Load(); got != row.want {
				t.Errorf("%d connections for 3 messages, want %d", got, row.want)
			}
		})
	}
}

// The server answers and closes the connection without a word. Whoever sends the next message into it gets no answer,
// and cannot tell whether it arrived.
func TestAConnectionThatItsServerClosedIsNotUsed(t *testing.T) {
	closed := make(chan struct{}, 20)
	var requests atomic.Int64
	addr := newRaw(t, func(c net.Conn, _ int) {
		readRequest(t, c)
		requests.Add(1)
		io.WriteString(c, whole(twiml("once")))
		c.Close()
		closed <- struct{}{}
	})
	p := newPhone(t, at("http://"+addr))
	for n := int64(1); n <= 20; n++ {
		if d := send(t, p, "hi"); !d.OK() || len(d.Replies) != 1 || len(d.Exchanges) != 1 {
			t.Fatalf("message %d: %+v", n, d.Findings)
		}
		if got := requests.Load(); got != n {
			t.Fatalf("%d requests for %d messages", got, n)
		}
		<-closed
	}
}

// Nothing ends this test but the phone's end of the connection.
func TestIdleConnectionsAreClosed(t *testing.T) {
	ended := make(chan error, 1)
	addr := newRaw(t, func(c net.Conn, _ int) {
		readRequest(t, c)
		io.WriteString(c, whole(empty))
		c.SetReadDeadline(time.Now().Add(30 * time.Second))
		_, err := c.Read(make([]byte, 1))
		ended <- err
	})
	for name, end := range map[string]func(*phone.Network){
		"in a while": func(*phone.Network) {},
		"by Close":   (*phone.Network).Close,
	} {
		t.Run(name, func(t *testing.T) {
			network := new(phone.Network)
			send(t, newPhone(t, at("http://"+addr), func(o *phone.Options) { o.Network = network }), "hi")
			end(network)
			if err := <-ended; err != io.EOF {
				t.Errorf("the connection ended by %v", err)
			}
		})
	}
}

func TestANetworkIsGoodAfterClose(t *testing.T) {
	w := newWebhook(t, says(twiml("still")))
	network := new(phone.Network)
	p := newPhone(t, at(w.URL), func(o *phone.Options) { o.Network = network })
	for range 3 {
		if d := send(t, p, "hi"); !d.OK() {
			t.Errorf("%+v", d.Findings)
		}
		network.Close()
	}
}

func TestAConnectionInUseIsClosedAfterClose(t *testing.T) {
	network := new(phone.Network)
	var connections atomic.Int64
	addr := newRaw(t, func(c net.Conn, _ int) {
		connections.Add(1)
		for readRequest(t, c) != "" {
			network.Close()
			io.WriteString(c, whole(empty))
		}
	})
	p := newPhone(t, at("http://"+addr), func(o *phone.Options) { o.Network = network })
	for range 2 {
		send(t, p, "hi")
	}
	if n := connections.Load(); n != 2 {
		t.Errorf("%d connections, want one for each message", n)
	}
}

// Each phone gets the answers to its own messages, and its own cookies, whoever's connection they come over.
func TestManyPhonesShareANetwork(t *testing.T) {
	w := newWebhook(t, func(w http.ResponseWriter, r *http.Request) {
		sender := r.Form.Get("From")
		if cookie := r.Header.Get("Cookie"); cookie != "" && cookie != "sender="+sender {
			t.Errorf("%s sent %s", sender, cookie)
		}
		w.Header().Set("Set-Cookie", "sender="+sender)
		says(twiml(sender+" "+r.Form.Get("Body")))(w, r)
	})
	network := new(phone.Network)
	var group sync.WaitGroup
	for _, sender := range []string{"+12025550101", "+12025550102", "+12025550103", "+12025550104"} {
		p := newPhone(t, at(w.URL), between(sender, to), func(o *phone.Options) { o.Network = network })
		for _, body := range []string{"a", "b", "c"} {
			group.Go(func() {
				for range 20 {
					d := send(t, p, body)
					if got := texts(d); len(got) != 1 || got[0] != sender+" "+body {
						t.Errorf("%s %s was answered %q, %+v", sender, body, got, d.Findings)
					}
				}
			})
		}
	}
	group.Wait()
}
