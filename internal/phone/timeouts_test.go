package phone

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// newPipePhone returns a phone that connects to answer through a pipe. Follow takes a minute. The tests run
// with the clock of synctest, so the limits are exact.
func newPipePhone(t *testing.T, fragment string, answer func(net.Conn)) *Phone {
	t.Helper()
	network := new(Network)
	var servers sync.WaitGroup
	t.Cleanup(func() {
		network.Close()
		servers.Wait()
	})
	o, err := parseOverrides(fragment)
	if err != nil {
		t.Fatal(err)
	}
	network.transport(o).DialContext = func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		servers.Go(func() {
			defer far.Close()
			if r, err := http.ReadRequest(bufio.NewReader(far)); err == nil {
				io.Copy(io.Discard, r.Body)
				answer(far)
			}
		})
		return &conn{Conn: near}, nil // used once
	}
	p, err := New(Options{From: "+12025550143", To: "+15005550006", AuthToken: "12345", Network: network,
		Webhook: Endpoint{URL: "http://sms.example.com/sms#" + fragment},
		Follow:  func(string) bool { time.Sleep(time.Minute); return true }})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const okHead = "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nConnection: close\r\n\r\n"

// slowly writes texts with a pause before each.
func slowly(pause time.Duration, texts ...string) func(net.Conn) {
	return func(c net.Conn) {
		for _, text := range texts {
			time.Sleep(pause)
			if _, err := io.WriteString(c, text); err != nil {
				return
			}
		}
	}
}

// silent reads until the connection is closed.
func silent(c net.Conn) { io.Copy(io.Discard, c) }

func dripping(c net.Conn) {
	for {
		time.Sleep(time.Second)
		if _, err := io.WriteString(c, "H"); err != nil {
			return
		}
	}
}

func TestTimeouts(t *testing.T) {
	for _, row := range []struct {
		name, fragment string
		answer         func(net.Conn)
		code           int // 0 for a valid response
		tries          int
		took           time.Duration
	}{
		{"Twilio waits 15 s for a response", "", silent, 11205, 1, 15 * time.Second},
		{"the read time-out bounds the wait for the first byte", "rt=3000", silent, 11205, 1, 3 * time.Second},
		{"the read time-out begins again with each packet", "rt=3000", slowly(2*time.Second, okHead, "<Response>", "</Response>"), 0, 1, 6 * time.Second},
		{"the read time-out bounds the wait for the next packet", "rt=3000", func(c net.Conn) { slowly(time.Second, okHead+"<Resp")(c); silent(c) }, 11205, 1, 4 * time.Second},
		{"a response that stops is not tried again", "rt=3000&rc=5&rp=all", func(c net.Conn) { slowly(time.Second, okHead+"<Resp")(c); silent(c) }, 11205, 1, 4 * time.Second},
		{"the total time bounds a response that arrives slowly", "", dripping, 11205, 1, 15 * time.Second},
		{"a total time-out that was given has its own number", "tt=4000", dripping, 11203, 1, 4 * time.Second},
		{"a total time-out that is shorter than the read time-out counts", "rt=5000&tt=4000", silent, 11203, 1, 4 * time.Second},
		{"the total time bounds all tries together", "rt=6000&rc=5&rp=rt", silent, 11205, 3, 15 * time.Second},
		{"a total time-out that was given bounds all tries together", "rt=1000&rc=5&rp=rt&tt=2500", silent, 11203, 3, 2500 * time.Millisecond},
		{"rc is the number of retries after a time-out", "rt=1000&rc=2&rp=rt", silent, 11205, 3, 3 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newPipePhone(t, row.fragment, row.answer).Send(t.Context(), Message{Body: "hi"})
				if code := lastError(d); code != row.code || len(d.Exchanges) != row.tries || d.Took != row.took {
					t.Errorf("error %d after %d tries and %s, want %d after %d and %s: %+v",
						code, len(d.Exchanges), d.Took, row.code, row.tries, row.took, d.Findings)
				}
			})
		})
	}
}

// The server redirects to another server. Each of them needs some time to answer, and Follow needs a minute.
func TestTimeOfFollowDoesNotCount(t *testing.T) {
	for _, row := range []struct {
		name          string
		pause         time.Duration // of each response
		code, replies int
		took          time.Duration
	}{
		{"responses that take 14 s are in time", 7 * time.Second, 0, 1, 74 * time.Second},
		{"responses that take 20 s are too late", 10 * time.Second, 11205, 0, 75 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				response := "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://other.example/sms\r\nConnection: close\r\n\r\n"
				p := newPipePhone(t, "", func(c net.Conn) {
					now := response
					response = okHead + "<Response><Message>here</Message></Response>"
					slowly(row.pause, now)(c)
				})
				d := p.Send(t.Context(), Message{Body: "hi"})
				if code := lastError(d); code != row.code || len(d.Replies) != row.replies || d.Took != row.took {
					t.Errorf("error %d, %d replies, %s: %+v", code, len(d.Replies), d.Took, d.Findings)
				}
			})
		})
	}
}

// lastError returns the number of the last error, or 0 if there is no error.
func lastError(d *Delivery) (code int) {
	for _, f := range d.Findings {
		if !f.Warning {
			code = f.Code
		}
	}
	return code
}
