package phone_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"smsession/internal/phone"
	"smsession/internal/webhooktest"
)

// connections is a server that answers every request. It counts its connections and reports the end of each one.
type connections struct {
	url   string
	count atomic.Int64
	ended chan error
}

func newConnections(t *testing.T, response string) *connections {
	t.Helper()
	s := &connections{ended: make(chan error, 10)}
	s.url = newRaw(t, func(c net.Conn) {
		s.count.Add(1)
		for readRequest(c) != "" {
			io.WriteString(c, response)
		}
		_, err := c.Read(make([]byte, 1))
		s.ended <- err
	})
	return s
}

// net/http keeps a connection only if its own goroutine for writing runs within 50 ms after the response. On a busy
// machine this is not certain, so the tests send messages until a connection is kept.
func TestKeptConnections(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n"
	for _, row := range []struct {
		name, response string
		kept           bool
	}{
		{"a connection is kept after a response with a length", complete(empty), true},
		{"a connection is kept after a response in chunks", head + "Transfer-Encoding: chunked\r\n\r\n" + chunks(empty), true},
		{"a connection is kept after a response without a body", "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n", true},
		{"a connection is not kept after Connection: close", complete(empty, "Connection: close"), false},
		{"a connection is not kept after more than the response", complete(empty) + "more", false},
		{"a connection is not kept after a part of a large response", complete(string(make([]byte, 64<<10+2))), false},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newConnections(t, row.response)
			p := newPhone(t, at(s.url), keepConnections)
			if row.kept {
				webhooktest.Wait(t, "a message over a kept connection", func() bool {
					before := s.count.Load()
					send(t, p, "hi")
					return s.count.Load() == before
				})
				return
			}
			for n := range int64(3) {
				send(t, p, "hi")
				webhooktest.Receive(t, "the end of the connection", s.ended)
				if got := s.count.Load(); got != n+1 {
					t.Errorf("there were %d connections for %d messages", got, n+1)
				}
			}
		})
	}
}

// The server answers and closes the connection. A second request on this connection would get no response, and the
// phone would not know whether the server has received the request.
func TestConnectionClosedByServer(t *testing.T) {
	closed := make(chan struct{}, 20)
	var requests atomic.Int64
	server := newRaw(t, func(c net.Conn) {
		readRequest(c)
		requests.Add(1)
		io.WriteString(c, complete(twiml("once")))
		c.Close()
		closed <- struct{}{}
	})
	p := newPhone(t, at(server))
	for n := int64(1); n <= 20; n++ {
		if d := send(t, p, "hi"); !d.OK() || len(d.Replies) != 1 || len(d.Exchanges) != 1 {
			t.Fatalf("the findings of message %d are %+v", n, d.Findings)
		}
		if got := requests.Load(); got != n {
			t.Fatalf("%d requests came for %d messages", got, n)
		}
		<-closed
	}
}

// The server closes a kept connection instead of answering the second request. The server may have executed the
// request, so the phone does not repeat the request. (net/http would repeat a GET.)
func TestConnectionLostAfterRequest(t *testing.T) {
	for _, row := range []struct {
		name, first string
		messages    int
		method      string // of the second request
	}{
		{"a POST is not repeated", complete(empty), 2, "POST"},
		{"a GET is not repeated", "HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 0\r\n\r\n", 1, "GET"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var count atomic.Int64 // the requests of the last phone
			seconds := make(chan string, 10)
			server := newRaw(t, func(c net.Conn) {
				readRequest(c)
				count.Add(1)
				io.WriteString(c, row.first)
				if second := readRequest(c); second != "" {
					count.Add(1)
					seconds <- second
				}
			})
			var d *phone.Delivery
			webhooktest.Wait(t, "a request over a kept connection", func() bool {
				count.Store(0)
				p := newPhone(t, at(server), keepConnections)
				for range row.messages {
					d = send(t, p, "hi")
				}
				return len(seconds) > 0
			})
			if got := errorsOf(d); !slices.Equal(got, []int{11206}) ||
				!strings.Contains(d.Findings[len(d.Findings)-1].Detail, "kept from an earlier request") {
				t.Errorf("the findings are %+v", d.Findings)
			}
			if second := <-seconds; !strings.HasPrefix(second, row.method) || count.Load() != 2 {
				t.Errorf("the second request is %q, and there were %d requests", second, count.Load())
			}
		})
	}
}

// The server never closes the connection, so only the phone can close it.
func TestIdleConnections(t *testing.T) {
	for name, end := range map[string]func(*phone.Network){
		"an idle connection is closed after a while": func(*phone.Network) {},
		"Close closes an idle connection":            (*phone.Network).Close,
	} {
		t.Run(name, func(t *testing.T) {
			s := newConnections(t, complete(empty))
			network := new(phone.Network)
			send(t, newPhone(t, at(s.url), func(o *phone.Options) { o.Network = network }), "hi")
			end(network)
			webhooktest.Receive(t, "the end of the connection", s.ended)
		})
	}
}

func TestClose(t *testing.T) {
	t.Run("a Network can be used after Close", func(t *testing.T) {
		w := newWebhook(t, responds(twiml("still")))
		network := new(phone.Network)
		p := newPhone(t, at(w.URL), func(o *phone.Options) { o.Network = network })
		for range 3 {
			if d := send(t, p, "hi"); !d.OK() {
				t.Errorf("the findings are %+v", d.Findings)
			}
			network.Close()
		}
	})
	t.Run("a connection that is used during Close is closed after its response", func(t *testing.T) {
		network := new(phone.Network)
		ended := make(chan struct{}, 2)
		server := newRaw(t, func(c net.Conn) {
			for readRequest(c) != "" {
				network.Close()
				io.WriteString(c, complete(empty))
			}
			ended <- struct{}{}
		})
		p := newPhone(t, at(server), func(o *phone.Options) { o.Network = network }, keepConnections)
		for range 2 {
			send(t, p, "hi")
			webhooktest.Receive(t, "the end of the connection", ended)
		}
	})
}

func TestPermit(t *testing.T) {
	w := newWebhook(t, responds(empty))
	var asked []string
	d := send(t, newPhone(t, at(w.URL), func(o *phone.Options) {
		o.Network.Permit = func(address string) error {
			asked = append(asked, address)
			return errors.New("not permitted")
		}
	}), "hi")
	if got := errorsOf(d); !slices.Equal(got, []int{11205}) || len(w.requests()) > 0 {
		t.Errorf("the findings are %+v, %d requests came", d.Findings, len(w.requests()))
	}
	if want := strings.TrimPrefix(w.URL, "http://"); len(asked) == 0 || asked[0] != want {
		t.Errorf("Permit is called with %q, want %q", asked, want)
	}
}

// Each phone gets the responses to its own messages and its own cookies, although all phones share the connections.
func TestSharedNetwork(t *testing.T) {
	w := newWebhook(t, func(w http.ResponseWriter, r *http.Request) {
		sender := r.Form.Get("From")
		if cookie := r.Header.Get("Cookie"); cookie != "" && cookie != "sender="+sender {
			t.Errorf("%s has the cookies %s", sender, cookie)
		}
		sets("sender="+sender, responds(twiml(sender+" "+r.Form.Get("Body"))))(w, r)
	})
	network := new(phone.Network)
	var group sync.WaitGroup
	for _, sender := range []string{"+12025550101", "+12025550102", "+12025550103", "+12025550104"} {
		p := newPhone(t, at(w.URL), between(sender, to), func(o *phone.Options) { o.Network = network })
		for _, body := range []string{"a", "b", "c"} {
			group.Go(func() {
				for range 20 {
					if d := send(t, p, body); !slices.Equal(texts(d), []string{sender + " " + body}) {
						t.Errorf("%s sends %s and gets %q, %+v", sender, body, texts(d), d.Findings)
					}
				}
			})
		}
	}
	group.Wait()
}
