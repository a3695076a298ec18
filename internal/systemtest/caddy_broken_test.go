package systemtest

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"smsession/internal/webhooktest"

	"smsession/internal/redistest"
)

// ending is what a client does after it has sent its bytes.
type ending int

const (
	waits     ending = iota // it reads the answer
	stops                   // it ends its half of the connection, and reads the answer
	hangsUp                 // it closes the connection
	hangsHard               // it resets the connection
)

// broken is a faulty request. Its first bytes are always "POST route HTTP/1.1" and the host.
type broken struct {
	name, rest string
	ending     ending
}

const brokenHead = "Content-Type: application/x-www-form-urlencoded\r\nX-Twilio-Signature: " + strangersSignature + "\r\n"

// strangersSignature is the signature of the broken requests. No log may contain it.
const strangersSignature = "c3RyYW5nZXIncyBzaWduYXR1cmU="

// brokenRequests are requests that a proxy could count as failures of its replicas. No client of these requests may get
// 200.
var brokenRequests = []broken{
	{"a chunk without a size", brokenHead + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", waits},
	{"a chunk without a size, and the client stops", brokenHead + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", stops},
	{"a chunked body without its end", brokenHead + "Transfer-Encoding: chunked\r\n\r\n5\r\nBody=\r\n", stops},
	{"a chunked body without its end, and the client leaves", brokenHead + "Transfer-Encoding: chunked\r\n\r\n5\r\nBody=\r\n", hangsUp},
	{"a body that ends early", brokenHead + "Content-Length: 100\r\n\r\nBody=hello", stops},
	{"a body that ends early, and the client leaves", brokenHead + "Content-Length: 100\r\n\r\nBody=hello", hangsUp},
	{"a body that ends in a reset", brokenHead + "Content-Length: 100\r\n\r\nBody=hello", hangsHard},
	{"no body where one is announced", brokenHead + "Content-Length: 100\r\n\r\n", stops},
	{"no body after Expect: 100-continue", brokenHead + "Content-Length: 100\r\nExpect: 100-continue\r\n\r\n", stops},
	{"an unsigned message from a client that stops", brokenHead + "Content-Length: 5\r\n\r\nBody=", stops},
	{"an unsigned message from a client that leaves", brokenHead + "Content-Length: 5\r\n\r\nBody=", hangsUp},
	{"a body that is too large", brokenHead + "Content-Length: 100000\r\n\r\n" + strings.Repeat("a", 100000), waits},
	{"a chunked body that is too large", brokenHead + "Transfer-Encoding: chunked\r\n\r\n186a0\r\n" + strings.Repeat("a", 100000) + "\r\n0\r\n\r\n", waits},
	{"two lengths", brokenHead + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nBody=", waits},
	{"a length and chunks", brokenHead + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", waits},
	{"a header without a name", ": nothing\r\n\r\n", waits},
	{"a header that is too large", "X-Large: " + strings.Repeat("a", 64<<10) + "\r\n\r\n", waits},
}

// send sends the request to a route and returns the status of the answer. It returns 0 if there is no answer.
func (b broken) send(t *testing.T, c *caddy, route string) int {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(c.plain, "http://"))
	if err != nil {
		t.Error(err)
		return 0
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	// An error here means that the server answered and closed the connection before it had read everything.
	_, _ = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\n%s", route, b.rest)
	switch b.ending {
	case stops:
		_ = conn.(*net.TCPConn).CloseWrite()
	case hangsHard:
		_ = conn.(*net.TCPConn).SetLinger(0)
		return 0
	case hangsUp:
		return 0
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0
	}
	res.Body.Close()
	return res.StatusCode
}

// strangers send every broken request to both routes, ten times, and return how many they sent.
func strangers(t *testing.T, c *caddy) (sent int) {
	for range 10 {
		for _, b := range brokenRequests {
			for _, route := range []string{"/sms", "/sms/fallback"} {
				b.send(t, c, route)
				sent++
			}
		}
	}
	return sent
}

// lostToStrangers sends signed messages to both routes while strangers send broken requests, and returns how many
// signed messages were lost.
func lostToStrangers(t *testing.T, edit func(string) string) (lost, messages int) {
	t.Helper()
	f := startFleet(t, redistest.Start(t, redistest.Options{}))
	c := startCaddy(t, f, caddyOptions{site: "http", edit: edit})
	var turn atomic.Int64
	l := startLoad(t, func(s *sender, sid, cookie string) reply {
		route := "/sms"
		if turn.Add(1)%2 == 0 {
			route = "/sms/fallback"
		}
		return s.deliver(c.plain, route, sid, cookie)
	})
	sent := strangers(t, c)
	awaitReplies(t, l.talks, 1)
	messages, _ = l.finish()
	lost = l.failures()
	t.Logf("%d of %d signed messages were lost, beside %d broken requests", lost, messages, sent)
	return lost, messages
}

func TestBrokenRequestsBehindCaddyCostNoMessage(t *testing.T) {
	if lost, messages := lostToStrangers(t, nil); lost > 0 {
		t.Errorf("%d of %d signed messages were lost", lost, messages)
	}
}

// TestBrokenRequestsWithPassiveChecks is the control: Caddy counts failed requests, and passes a body on
// while it reads it.
func TestBrokenRequestsWithPassiveChecks(t *testing.T) {
	lost, _ := lostToStrangers(t, func(file string) string {
		file = withoutLines(file, "vars whole_body", "lb_try_")
		return strings.Replace(file, "lb_policy header Cookie\n", "lb_policy header Cookie\nmax_fails 1\nfail_duration 2s\n", 1)
	})
	if lost == 0 {
		t.Error("no message was lost: the strangers would not be noticed")
	}
}

func TestABrokenRequestIsNeverAnswered200(t *testing.T) {
	f := startFleet(t, redistest.Start(t, redistest.Options{}))
	c := startCaddy(t, f, caddyOptions{site: "http"})
	for _, b := range brokenRequests {
		for _, route := range []string{"/sms", "/sms/fallback"} {
			t.Run(b.name+" "+route, func(t *testing.T) {
				status := b.send(t, c, route)
				if status == http.StatusOK {
					t.Error("the answer is 200")
				}
				if b.ending == waits && status == 0 {
					t.Error("there is no answer")
				}
				if strings.Contains(b.name, "too large") && status != http.StatusRequestEntityTooLarge && status != http.StatusRequestHeaderFieldsTooLarge {
					t.Errorf("the answer is %d", status)
				}
			})
		}
	}
	if keys := f.keys("*"); len(keys) != 0 {
		t.Errorf("strangers left %q in Redis", keys)
	}
}

// TestNoSignatureIsInCaddysLog lets every replica fail, so that Caddy logs each request as an error.
func TestNoSignatureIsInCaddysLog(t *testing.T) {
	f := startFleet(t, redistest.Start(t, redistest.Options{}))
	for _, row := range []struct {
		name   string
		edit   func(string) string
		logged bool
	}{
		{"the shipped file", nil, false},
		{"control: a file without the filter", func(file string) string {
			return withoutLines(file, "request>headers>X-Twilio-Signature")
		}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := startCaddy(t, f, caddyOptions{site: "http", edit: row.edit})
			for _, r := range f.replicas {
				r.kill()
			}
			b := broken{"a message that no replica takes", brokenHead + "Content-Length: 5\r\n\r\nBody=", waits}
			b.send(t, c, "/sms")
			b.send(t, c, "/sms/fallback")
			webhooktest.Wait(t, "Caddy's error log of the message", func() bool {
				return strings.Contains(c.log.String(), `"uri":"/sms/fallback"`)
			})
			if strings.Contains(c.log.String(), strangersSignature) != row.logged {
				t.Errorf("the log has the signature: %t\n%s", !row.logged, c.log.last(2<<10))
			}
		})
	}
}
